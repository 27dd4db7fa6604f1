"""Transactions keep their promises on both databases: all or nothing, one moment, alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from septet.core.database import Database, Isolation, Transaction
from septet.core.errors import Conflict, NotFound, Unavailable
from support import things
from support.databases import opened
from support.entering import Entering
from support.sql import create_tables
from support.things import thing

BOTH_ISOLATIONS = pytest.mark.parametrize("isolation", Isolation, ids=lambda isolation: isolation.name)


@pytest.fixture
def database(database_url: str) -> Entering:
    create_tables(database_url, things.metadata)
    return Entering(opened(database_url, database_timeout=5))


async def add(tx: Transaction, name: str) -> None:
    await tx.run(things.add_thing, **thing(name))


async def names(database: Database) -> list[str]:
    return [row.name for row in await database.read(lambda tx: tx.all(things.list_names))]


async def large(database: Database, name: str) -> int:
    return (await database.read(lambda tx: tx.one(things.large_of, name=name))).total


@BOTH_ISOLATIONS
async def test_what_is_written_is_read(database: Database, isolation: Isolation) -> None:
    async def work(tx: Transaction) -> str:
        await add(tx, "a")
        await add(tx, "b")
        assert (await tx.one(things.count_things)).total == 2
        return "done"

    assert await database.write(work, isolation=isolation) == "done"
    assert await names(database) == ["a", "b"]


@BOTH_ISOLATIONS
async def test_an_operation_that_fails_leaves_nothing_and_harms_no_other(
    database: Database, isolation: Isolation
) -> None:
    async def fails(tx: Transaction) -> None:
        await add(tx, "lost")
        raise NotFound("There is no such thing.")

    results = await asyncio.gather(
        database.write(lambda tx: add(tx, "a"), isolation=isolation),
        database.write(fails, isolation=isolation),
        database.write(lambda tx: add(tx, "b"), isolation=isolation),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), NotFound, type(None)]
    assert await names(database) == ["a", "b"]


async def test_a_failure_that_was_caught_still_undoes_the_transaction(database: Database) -> None:
    async def goes_on(tx: Transaction) -> str:
        await add(tx, "a")
        try:
            await add(tx, "a")
        except Conflict:
            return "it was there"
        return "it was not there"

    with pytest.raises(Conflict):
        await database.write(goes_on)
    assert await names(database) == []


async def test_a_failure_that_was_translated_arrives_translated(database: Database) -> None:
    async def translates(tx: Transaction) -> None:
        await add(tx, "a")
        try:
            await add(tx, "a")
        except Conflict as conflict:
            raise NotFound("It is hidden.") from conflict

    with pytest.raises(NotFound, match="It is hidden"):
        await database.write(translates)
    assert await names(database) == []


async def test_a_missing_row_undoes_nothing_by_itself(database: Database) -> None:
    async def looks(tx: Transaction) -> None:
        await add(tx, "a")
        with pytest.raises(LookupError):
            await tx.one(things.read_thing, id=things.new_id())

    await database.write(looks)
    assert await names(database) == ["a"]


async def test_a_snapshot_sees_one_moment(database: Database) -> None:
    await database.write(lambda tx: add(tx, "a"))

    async def looks_twice(tx: Transaction) -> list[int]:
        before = (await tx.one(things.count_things)).total
        await database.write(lambda other: add(other, "b"))
        return [before, (await tx.one(things.count_things)).total]

    assert await database.read(looks_twice, snapshot=True) == [1, 1]
    assert await names(database) == ["a", "b"]


async def test_a_plain_read_sees_what_was_written_since(database: Database) -> None:
    async def looks_twice(tx: Transaction) -> list[int]:
        before = (await tx.one(things.count_things)).total
        await database.write(lambda other: add(other, "a"))
        return [before, (await tx.one(things.count_things)).total]

    assert await database.read(looks_twice) == [0, 1]


@BOTH_ISOLATIONS
async def test_atomic_updates_lose_nothing(database: Database, isolation: Isolation) -> None:
    await database.write(lambda tx: add(tx, "counter"))

    async def client() -> None:
        for _ in range(5):
            await _patiently(
                lambda: database.write(lambda tx: tx.run(things.increase, name="counter"), isolation=isolation)
            )

    await asyncio.gather(*(client() for _ in range(8)))
    assert await large(database, "counter") == 41


async def test_read_then_write_loses_nothing_when_serializable(database: Database) -> None:
    await database.write(lambda tx: add(tx, "counter"))
    attempts = 0

    async def count_up(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        seen = await tx.one(things.large_of, name="counter")
        await tx.run(things.set_large, name="counter", new_large=seen.total + 1)

    async def client() -> None:
        for _ in range(5):
            await _patiently(lambda: database.write(count_up, name="count_up"))

    await asyncio.gather(*(client() for _ in range(8)))
    assert await large(database, "counter") == 41
    assert attempts == 40 or database.dialect == "postgresql"


async def _patiently(write: Callable[[], Awaitable[object]]) -> None:
    """As a client that honours 503: nothing was changed, so it asks again."""
    while True:
        try:
            await write()
        except Unavailable:
            continue
        return


async def test_a_lock_is_held_until_the_transaction_ends(database: Database) -> None:
    async def holds(tx: Transaction) -> bool:
        return await tx.try_lock("the lock")

    assert await database.write(holds)
    assert await database.write(holds)
    if database.dialect == "sqlite":
        return  # transactions run one after another

    async def finds_it_held(tx: Transaction) -> bool:
        await tx.try_lock("the lock")
        return await database.write(holds)

    assert not await database.write(finds_it_held)


async def test_it_is_ready_from_start_to_close(database_url: str) -> None:
    async with opened(database_url) as database:
        assert await database.ready()
    assert not await database.ready()
    for refused in (database.read, database.write):
        with pytest.raises(Unavailable):
            await refused(lambda tx: tx.try_lock("x"))
    await database.close()


async def test_closing_finishes_what_began(database_url: str) -> None:
    create_tables(database_url, things.metadata)
    async with opened(database_url, database_pool=20) as database:
        writes = [asyncio.create_task(database.write(lambda tx, n=n: add(tx, f"{n:02}"))) for n in range(20)]
        while not writes[0].done():
            await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*writes)
    async with opened(database_url) as database:
        assert await names(database) == [f"{n:02}" for n in range(20)]
