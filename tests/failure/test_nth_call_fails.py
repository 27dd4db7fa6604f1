"""Whichever call to the database fails, nothing is half done, and the next transaction works."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import pytest

from septet.core.database import Database, Transaction
from septet.core.errors import Unavailable
from septet.engines.database.postgresql_transaction import HeldTransaction
from support import things
from support.databases import opened
from support.entering import Entering
from support.sql import create_tables
from support.things import thing


@pytest.fixture
def database(database_url: str) -> Entering:
    create_tables(database_url, things.metadata)
    return Entering(opened(database_url))


async def order(tx: Transaction, name: str) -> None:
    """Four statements that belong together."""
    values = thing(name)
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=things.new_id(), thing_id=values["id"])
    await tx.run(things.increase, name="stock")
    await tx.one(things.sum_of_large)


async def state(database: Database) -> tuple[int, int]:
    """How many things there are, and the sum that a whole order raises by 2."""

    async def look(tx: Transaction) -> tuple[int, int]:
        return (await tx.one(things.count_things)).total, (await tx.one(things.sum_of_large)).total

    return await database.read(look)


async def test_nothing_is_half_done(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await database.write(lambda tx: tx.run(things.add_thing, **thing("stock")))
    assert await state(database) == (1, 1)
    break_at = break_sqlite if database.dialect == "sqlite" else break_postgresql
    for nth in range(1, 20):
        with monkeypatch.context() as patch:
            calls = break_at(database, patch, nth)
            if calls_were_enough := await succeeds(database.write(lambda tx, nth=nth: order(tx, f"order {nth}"))):
                break
        assert await state(database) == (1, 1), f"call {nth}"
        assert await database.ready()
    assert calls_were_enough
    assert calls() == nth - 1 == (8 if database.dialect == "sqlite" else 6)  # each of them failed once
    assert await state(database) == (2, 3)


async def succeeds(write: Awaitable[None]) -> bool:
    try:
        await write
    except Unavailable:
        return False
    return True


def break_sqlite(database: Database, patch: pytest.MonkeyPatch, nth: int) -> Callable[[], int]:
    """The nth call of the write lane fails as of a broken disk: statements, savepoints, BEGIN and COMMIT alike."""
    lane = cast(Any, database)._lane
    broken = BreaksAt(lane._connection.raw, nth)
    patch.setattr(lane._connection, "raw", broken)
    patch.setattr(lane._transaction, "_execute", broken.execute)
    return lambda: broken.calls


class BreaksAt:
    def __init__(self, real: sqlite3.Connection, nth: int) -> None:
        self._real = real
        self._nth = nth
        self.calls = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.calls += 1
        if self.calls == self._nth:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return self._real.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def break_postgresql(database: Database, patch: pytest.MonkeyPatch, nth: int) -> Callable[[], int]:
    """At the nth call of each attempt the server ends the connection."""
    made = 0
    call, commit = HeldTransaction._call, type(database)._commit  # type: ignore[attr-defined]
    begin = type(database)._execute  # type: ignore[attr-defined]

    async def counted(raw: Any) -> None:
        nonlocal made
        made += 1
        if made == nth:
            with pytest.raises(asyncpg.PostgresConnectionError):
                await raw.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def begin_counted(self: Any, lent: Any, statement: str) -> None:
        nonlocal made
        made = 0
        await counted(lent.raw)
        await begin(self, lent, statement)

    async def call_counted(self: Any, *arguments: Any) -> Any:
        await counted(self._raw)
        return await call(self, *arguments)

    async def commit_counted(self: Any, lent: Any) -> None:
        await counted(lent.raw)
        await commit(self, lent)

    patch.setattr(type(database), "_execute", begin_counted)
    patch.setattr(type(database), "_commit", commit_counted)
    patch.setattr(HeldTransaction, "_call", call_counted)
    return lambda: made
