"""The write lane, where it can go wrong: each of these once hung every later write, or let one through unsaved."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Integer, literal, select

from septet.core.database import Database, Transaction, run
from septet.core.errors import Unavailable
from septet.engines.database import write_lane
from support import things
from support.databases import new_sqlite_database, opened
from support.entering import Entering
from support.sql import create_tables, execute
from support.things import thing

caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    return url


@pytest.fixture
def database(url: str) -> Entering:
    return Entering(opened(url, database_timeout=1))


def lane_of(database: Database) -> Any:
    return cast(Any, database)._lane


async def add(tx: Transaction, name: str) -> None:
    await tx.run(things.add_thing, **thing(name))


async def names(database: Database) -> list[str]:
    return [row.name for row in await database.read(lambda tx: tx.all(things.list_names))]


@asynccontextmanager
async def slow_commits(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Every COMMIT waits for the event that this gives."""
    lane, go = lane_of(database), asyncio.Event()
    committed = lane._commit_in_thread

    async def commit_when_told() -> None:
        await go.wait()
        await committed()

    monkeypatch.setattr(lane, "_commit_in_thread", commit_when_told)
    try:
        yield go
    finally:
        go.set()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_is_answered_before_the_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(tx: Transaction) -> None:
        raise LookupError

    async with slow_commits(database, monkeypatch) as go:
        answers = [
            asyncio.create_task(database.write(lambda tx: add(tx, "a"))),
            asyncio.create_task(database.write(fails)),
        ]
        await settle()
        assert [answer.done() for answer in answers] == [False, False]
        assert await names(database) == []
        go.set()
        results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), LookupError]


async def test_a_group_shares_one_commit(database: Database) -> None:
    commits = 0
    lane = lane_of(database)
    committed = lane._commit

    def counted() -> None:
        nonlocal commits
        commits += 1
        committed()

    lane._commit = counted
    await asyncio.gather(*(database.write(lambda tx, n=n: add(tx, f"{n}")) for n in range(100)))
    assert commits < 10
    assert len(await names(database)) == 100


async def test_cancelled_while_queued_it_never_runs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with slow_commits(database, monkeypatch) as go:
        first = asyncio.create_task(database.write(lambda tx: add(tx, "first")))
        await settle()
        queued = asyncio.create_task(database.write(lambda tx: add(tx, "queued")))
        await settle()
        queued.cancel()
        await settle()
        go.set()
        await first
    await database.write(lambda tx: add(tx, "later"))
    assert queued.cancelled()
    assert await names(database) == ["first", "later"]


async def test_cancelled_after_it_ran_its_change_stands(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with slow_commits(database, monkeypatch) as go:
        first = asyncio.create_task(database.write(lambda tx: add(tx, "first")))
        second = asyncio.create_task(database.write(lambda tx: add(tx, "second")))
        await settle()
        first.cancel()
        await settle()
        go.set()
        await second
    assert first.cancelled()
    assert await names(database) == ["first", "second"]


async def test_an_operation_that_raises_cancelled_error_hangs_nobody(database: Database) -> None:
    async def cancels(tx: Transaction) -> None:
        await add(tx, "lost")
        raise asyncio.CancelledError

    results = await asyncio.gather(
        database.write(cancels), database.write(lambda tx: add(tx, "kept")), return_exceptions=True
    )
    assert [type(result) for result in results] == [Unavailable, type(None)]
    assert await names(database) == ["kept"]


async def test_one_that_suspends_is_refused_by_name_and_undone(database: Database) -> None:
    ended = []

    async def sends_mail() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def create_account(tx: Transaction) -> None:
        await add(tx, "lost")
        await sends_mail()

    with pytest.raises(RuntimeError, match=r"create_account, line \d+ → .*sends_mail, line \d+.*steps=True"):
        await database.write(create_account)
    assert ended == [True]
    await database.write(lambda tx: add(tx, "kept"))
    assert await names(database) == ["kept"]


async def test_one_that_suspends_and_refuses_to_end_is_undone_too(database: Database) -> None:
    async def stubborn(tx: Transaction) -> None:
        await add(tx, "lost")
        try:
            await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="refuses to end"):
        await database.write(stubborn)
    assert await names(database) == []


async def test_each_operation_runs_in_its_callers_context(database: Database) -> None:
    async def who(tx: Transaction) -> str:
        return caller.get()

    async def client(name: str) -> str:
        caller.set(name)
        return await database.write(who)

    assert await asyncio.gather(client("ann"), client("bob"), database.write(who)) == ["ann", "bob", "nobody"]


async def test_the_queue_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_lane, "MOST_QUEUED", 3)
    async with slow_commits(database, monkeypatch) as go:
        running = asyncio.create_task(database.write(lambda tx: add(tx, "0")))
        await settle()
        queued = [asyncio.create_task(database.write(lambda tx, n=n: add(tx, f"{n}"))) for n in (1, 2, 3)]
        await settle()
        with pytest.raises(Unavailable, match="Too many"):
            await database.write(lambda tx: add(tx, "4"))
        go.set()
        await asyncio.gather(running, *queued)
    assert await names(database) == ["0", "1", "2", "3"]


async def test_a_commit_that_fails_fails_the_whole_group_and_the_lane_recovers(database: Database) -> None:
    lane = lane_of(database)
    real, broken = lane._connection.raw, BrokenCommit(lane._connection.raw)
    lane._connection.raw = broken

    async def fails(tx: Transaction) -> None:
        raise LookupError

    results = await asyncio.gather(
        database.write(lambda tx: add(tx, "a")),
        database.write(fails),
        database.write(lambda tx: add(tx, "b")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Unavailable] * 3
    assert all("not known" in str(result) for result in results)
    assert not await database.ready()
    assert await names(database) == []

    lane._connection.raw = real
    assert await database.ready()
    await database.write(lambda tx: add(tx, "c"))
    assert await names(database) == ["c"]


class BrokenCommit:
    """A connection whose COMMIT fails."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def test_a_statement_without_end_is_ended_and_the_others_run(url: str) -> None:
    numbers = select(literal(1, Integer).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1))
    endless = run(things.things.update().where(things.things.c.small.in_(select(numbers.c.n))).values(done=True))
    async with opened(url, database_timeout=0.2) as database:
        await database.write(lambda tx: add(tx, "0"))
        results = await asyncio.gather(
            database.write(lambda tx: add(tx, "a")),
            database.write(lambda tx: tx.run(endless)),
            database.write(lambda tx: add(tx, "b")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), Unavailable, type(None)]
        assert await names(database) == ["0", "a", "b"]
        assert await database.ready()


async def test_a_program_that_takes_no_turns_is_waited_for(database: Database, url: str) -> None:
    with Stranger(url):
        writing = asyncio.create_task(database.write(lambda tx: add(tx, "a")))
        await asyncio.sleep(0.05)
        assert not writing.done()
        assert await names(database) == []
    await writing
    assert await names(database) == ["a"]


async def test_a_program_that_locks_for_long_is_not_waited_for(url: str) -> None:
    async with opened(url, database_timeout=0.1) as database:
        with Stranger(url), pytest.raises(Unavailable, match="locked"):
            await database.write(lambda tx: add(tx, "a"))
        await database.write(lambda tx: add(tx, "b"))
        assert await names(database) == ["b"]


class Stranger:
    """Another program that writes to the file, such as a shell."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.close()


async def test_a_process_that_keeps_its_turn_for_long_is_not_waited_for(url: str) -> None:
    async with opened(url, database_timeout=0.1) as first, opened(url, database_timeout=0.1) as second:
        turn = lane_of(first)._turn
        assert turn.take(wait=False)
        with pytest.raises(Unavailable, match="locked"):
            await second.write(lambda tx: add(tx, "a"))
        writing = asyncio.create_task(second.write(lambda tx: add(tx, "b")))
        await asyncio.sleep(0.01)
        turn.give()
        await writing
        assert await names(first) == ["b"]


async def test_two_lanes_on_one_file_take_turns(url: str) -> None:
    async with opened(url) as first, opened(url) as second:
        await first.write(lambda tx: add(tx, "counter"))

        async def client(database: Database) -> None:
            for _ in range(10):
                await database.write(lambda tx: tx.run(things.increase, name="counter"))

        await asyncio.gather(*(client(database) for database in (first, second) for _ in range(10)))
    assert execute(url, "SELECT large FROM thing") == [(201,)]
