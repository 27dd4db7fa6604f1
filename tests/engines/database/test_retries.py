"""Transactions that undo each other on PostgreSQL: run again whole, a bounded number of times, in turns in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from septet.core.database import Isolation, Transaction
from septet.core.errors import Unavailable
from septet.engines.database import postgresql
from septet.engines.database.retries import Turns
from support import things
from support.databases import new_postgresql_database, opened
from support.postgres import PostgresServer
from support.sql import create_tables
from support.things import thing


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        create_tables(url, things.metadata)
        yield url


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_newcomers_let_those_with_a_turn_go_first() -> None:
    turns, seen = Turns(), []

    async def takes(name: str) -> None:
        async with turns:
            seen.append(f"{name} begins")
            await asyncio.sleep(0)
            seen.append(f"{name} ends")

    async def comes() -> None:
        await turns.let_go_first()
        seen.append("newcomer")

    tasks = [asyncio.create_task(call) for call in (takes("a"), takes("b"), comes())]
    await asyncio.gather(*tasks)
    await turns.let_go_first()
    assert seen == ["a begins", "a ends", "b begins", "b ends", "newcomer"]


async def test_who_leaves_while_waiting_for_a_turn_blocks_nobody() -> None:
    turns = Turns()

    async def takes() -> None:
        async with turns:
            await settle()

    async def comes() -> str:
        await turns.let_go_first()
        return "came"

    first, second, newcomer, other = (asyncio.create_task(c) for c in (takes(), takes(), comes(), comes()))
    await asyncio.sleep(0)
    second.cancel()
    other.cancel()
    await first
    assert await newcomer == "came"


async def test_the_tries_are_counted_and_bounded(url: str) -> None:
    attempts = 0

    async def never_alone(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        seen = await tx.one(things.large_of, name="hot")
        async with _stranger(url) as stranger:
            await stranger.execute("UPDATE thing SET large = large + 1 WHERE name = 'hot'")
        await tx.run(things.set_large, name="hot", new_large=seen.total + 1)

    async with opened(url) as database:
        await database.write(lambda tx: tx.run(things.add_thing, **thing("hot", large=0)))
        with pytest.raises(Unavailable, match="same time"):
            await database.write(never_alone)
        assert attempts == postgresql.TRIES == 8
        assert (await database.read(lambda tx: tx.one(things.large_of, name="hot"))).total == 8
        assert database.__dict__["_pool"]._open == 1


class _stranger:
    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await asyncpg.connect(self._url)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()


async def test_a_failure_that_the_operation_swallowed_is_retried_too(url: str) -> None:
    attempts = 0

    async def swallows(tx: Transaction) -> str:
        nonlocal attempts
        attempts += 1
        seen = await tx.one(things.large_of, name="hot")
        if attempts == 1:
            async with _stranger(url) as stranger:
                await stranger.execute("UPDATE thing SET large = large + 1 WHERE name = 'hot'")
        try:
            await tx.run(things.set_large, name="hot", new_large=seen.total + 10)
        except Unavailable:
            return "gave up"
        return "done"

    async with opened(url) as database:
        await database.write(lambda tx: tx.run(things.add_thing, **thing("hot", large=0)))
        assert await database.write(swallows) == "done"
        assert attempts == 2
        assert (await database.read(lambda tx: tx.one(things.large_of, name="hot"))).total == 11


async def test_a_deadlock_is_retried_at_read_committed(url: str) -> None:
    async with opened(url) as database:
        for name in ("a", "b"):
            await database.write(lambda tx, name=name: tx.run(things.add_thing, **thing(name, large=0)))
        both_began = asyncio.Barrier(2)
        attempts = 0

        async def crosswise(tx: Transaction, first: str, second: str) -> None:
            nonlocal attempts
            attempts += 1
            await tx.run(things.increase, name=first)
            if attempts <= 2:
                await both_began.wait()
            await tx.run(things.increase, name=second)

        await asyncio.gather(
            database.write(lambda tx: crosswise(tx, "a", "b"), isolation=Isolation.READ_COMMITTED),
            database.write(lambda tx: crosswise(tx, "b", "a"), isolation=Isolation.READ_COMMITTED),
        )
        assert attempts in {3, 4}  # one of them gives way, or both at the same moment
        for name in ("a", "b"):
            assert (await database.read(lambda tx, name=name: tx.one(things.large_of, name=name))).total == 2


async def test_of_many_that_change_one_row_none_gives_up(url: str) -> None:
    async def count_up(tx: Transaction) -> None:
        seen = await tx.one(things.large_of, name="hot")
        await tx.run(things.set_large, name="hot", new_large=seen.total + 1)

    async with opened(url, database_pool=16) as database:
        await database.write(lambda tx: tx.run(things.add_thing, **thing("hot", large=0)))

        async def client() -> None:
            for _ in range(10):
                await database.write(count_up, name="count_up")

        await asyncio.gather(*(client() for _ in range(16)))
        assert (await database.read(lambda tx: tx.one(things.large_of, name="hot"))).total == 160
