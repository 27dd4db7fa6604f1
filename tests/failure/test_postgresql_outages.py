"""PostgreSQL goes away: crashes, is stopped, comes back. Callers are told quickly, nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from septet.core.database import Database, Transaction
from septet.core.errors import Unavailable
from septet.engines.database import open_database
from septet.settings import Settings
from support import things
from support.databases import opened
from support.postgres import PostgresServer
from support.sql import create_tables, execute
from support.storms import assert_stored
from support.things import thing


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests alone, that keeps what it acknowledged."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    execute(server.url(), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    create_tables(server.url(), things.metadata)
    return server.url()


async def add(tx: Transaction, name: str) -> None:
    values = thing(name)
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=things.new_id(), thing_id=values["id"])


async def count(tx: Transaction) -> int:
    return (await tx.one(things.count_things)).total


async def test_while_it_is_down_callers_are_told_quickly_and_then_served_again(
    server: PostgresServer, url: str
) -> None:
    async with opened(url) as database:
        await database.write(lambda tx: add(tx, "before"))
        await asyncio.to_thread(server.stop)
        began = time.monotonic()
        for call in (
            lambda: database.read(count),
            lambda: database.read(count, snapshot=True),
            lambda: database.write(lambda tx: add(tx, "lost")),
        ):
            with pytest.raises(Unavailable):
                await call()
        assert not await database.ready()
        assert time.monotonic() - began < 2
        await asyncio.to_thread(server.start)
        assert await database.ready()
        await database.write(lambda tx: add(tx, "after"))
        assert await database.read(count) == 2


async def test_a_server_that_is_not_there_is_told_at_start(tmp_path: Path) -> None:
    database = open_database(f"postgresql://postgres@/test?host={tmp_path}", Settings())
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await database.start()
    assert str(tmp_path) not in caught.value.detail
    await database.close()


async def test_a_crash_loses_nothing_that_was_acknowledged(server: PostgresServer, url: str) -> None:
    acknowledged: set[str] = set()
    refused = 0

    async def client(database: Database, number: int, until: asyncio.Event) -> None:
        nonlocal refused
        for n in range(100_000):
            if until.is_set():
                return
            name = f"{number} {n}"
            try:
                await database.write(lambda tx, name=name: add(tx, name))
                acknowledged.add(name)
            except Unavailable:
                refused += 1
                await asyncio.sleep(0.02)

    async with opened(url, database_pool=8) as database:
        until = asyncio.Event()
        clients = [asyncio.create_task(client(database, number, until)) for number in range(16)]
        for _ in range(2):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            await asyncio.to_thread(server.start)
        await asyncio.sleep(0.3)
        until.set()
        await asyncio.gather(*clients)
        stored = {row.name for row in await database.read(lambda tx: tx.all(things.list_names))}
        assert await database.ready()
    assert refused
    assert acknowledged
    assert acknowledged <= stored
    assert_stored(url, set())


async def test_a_database_that_is_not_there_is_unavailable_and_tells_nothing(server: PostgresServer, url: str) -> None:
    database = open_database(url.replace("/postgres?", "/nowhere?"), Settings())
    with pytest.raises(Unavailable) as caught:
        await database.start()
    assert "nowhere" not in caught.value.detail
    assert not await database.ready()
    await database.close()
