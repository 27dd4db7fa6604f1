"""The pool of PostgreSQL connections: bounded, fair, safe to cancel, and never lending what is broken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, cast

import asyncpg
import pytest

from septet.core.database import Database, Isolation, Transaction
from septet.core.errors import Conflict, Unavailable
from septet.engines.database import pool as pools
from septet.engines.database.pool import Pool
from support import things
from support.databases import new_postgresql_database, opened
from support.postgres import PostgresServer
from support.sql import create_tables, execute
from support.things import thing

END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid()"
)
COUNT_ALL = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        create_tables(url, things.metadata)
        yield url


async def add(tx: Transaction, name: str) -> None:
    await tx.run(things.add_thing, **thing(name))


async def count(tx: Transaction) -> int:
    return (await tx.one(things.count_things)).total


def pool_of(database: Database) -> Any:
    return cast(Any, database)._pool


async def test_a_connection_is_used_again(url: str) -> None:
    pool = Pool(url, 2, {})
    first = await pool.take()
    pool.give(first)
    assert await pool.take() is first
    pool.give(first)
    await pool.close()


async def test_who_waits_is_served_in_order(url: str) -> None:
    pool = Pool(url, 1, {})
    held = await pool.take()
    served = []

    async def client(name: str) -> None:
        lent = await pool.take()
        served.append(name)
        await asyncio.sleep(0)
        pool.give(lent)

    clients = [asyncio.create_task(client(name)) for name in "abc"]
    await asyncio.sleep(0)
    pool.give(held)
    await asyncio.gather(*clients)
    assert served == ["a", "b", "c"]
    await pool.close()


async def test_waiting_has_an_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(url, 1, {})
    held = await pool.take()
    monkeypatch.setattr(pools, "WAIT", 0.05)
    with pytest.raises(Unavailable, match="busy"):
        await pool.take()
    pool.give(held)
    assert await pool.take() is held
    await pool.close()  # waits for what is lent, and in the end takes it back
    assert held.raw.is_closed()


async def test_a_waiter_that_leaves_as_it_is_served_passes_it_on(url: str) -> None:
    pool = Pool(url, 1, {})
    held = await pool.take()
    leaves, stays = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give(held)  # it is the first waiter's now, who has not heard of it yet
    leaves.cancel()
    assert await stays is held
    assert leaves.cancelled()
    pool.give(held)
    await pool.close()


async def test_a_place_is_passed_on_too(url: str) -> None:
    pool = Pool(url, 1, {})
    held = await pool.take()
    leaves, stays = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.drop(held)
    leaves.cancel()
    lent = await stays
    assert lent is not held
    pool.give(lent)
    await pool.close()


async def test_an_idle_connection_is_asked_before_it_is_lent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(url, 1, {})
    pool.give(await pool.take())
    execute(url, END_ALL)
    monkeypatch.setattr(pools, "CHECK_AFTER", -1.0)
    lent = await pool.take()
    assert await lent.raw.fetchval("SELECT 1") == 1
    pool.give(lent)
    await pool.close()


async def test_an_old_connection_is_replaced(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_AGE", 0.0)
    pool = Pool(url, 1, {})
    first = await pool.take()
    pool.give(first)
    second = await pool.take()
    assert second is not first
    assert first.raw.is_closed()
    pool.drop(second)
    await pool.close()


async def test_a_connection_left_in_a_transaction_is_not_lent_again(url: str) -> None:
    pool = Pool(url, 1, {})
    first = await pool.take()
    await first.raw.execute("BEGIN")
    pool.give(first)
    second = await pool.take()
    assert second is not first
    pool.give(second)
    await pool.close()


async def test_a_storm_of_cancellations_loses_no_connection(url: str) -> None:
    chance = random.Random(7)
    async with opened(url, database_pool=4) as database:

        async def client(number: int) -> None:
            for n in range(10):
                if number % 2:
                    await database.write(lambda tx, n=n: add(tx, f"{number} {n}"), isolation=Isolation.READ_COMMITTED)
                else:
                    await database.read(count, snapshot=n % 2 == 0)

        for _ in range(8):
            tasks = [asyncio.create_task(client(number)) for number in range(12)]
            for _ in range(20):
                await asyncio.sleep(chance.random() / 300)
                chance.choice(tasks).cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(execute, url, "DELETE FROM thing")
        assert pool_of(database)._open == len(pool_of(database)._idle) <= 4
        assert not pool_of(database)._waiting
        assert await asyncio.gather(*(database.read(count) for _ in range(20))) == [0] * 20
        for _ in range(100):  # the server notices closed connections on its own time
            if execute(url, COUNT_ALL)[0][0] <= 4:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("connections were left open")


async def test_lost_connections_are_not_noticed_by_readers_or_writers(url: str) -> None:
    async with opened(url, database_pool=4) as database:
        for round in range(3):
            assert await asyncio.gather(*(database.read(count) for _ in range(4))) == [round] * 4
            execute(url, END_ALL)
            assert await asyncio.gather(*(database.read(count) for _ in range(4))) == [round] * 4
            execute(url, END_ALL)
            assert await database.read(count, snapshot=True) == round
            execute(url, END_ALL)
            await database.write(lambda tx, name=f"{round}": add(tx, name))


async def test_a_connection_lost_within_a_transaction_has_it_run_again_once(url: str) -> None:
    attempts = 0

    async def loses(tx: Transaction, name: str, times: int) -> int:
        nonlocal attempts
        attempts += 1
        await add(tx, name)
        if attempts <= times:
            execute(url, END_ALL)
        return await count(tx)

    async with opened(url) as database:
        assert await database.write(lambda tx: loses(tx, "a", 1)) == 1
        assert attempts == 2
        with pytest.raises(Unavailable):
            await database.write(lambda tx: loses(tx, "b", 100))
        assert attempts == 4
        assert await database.read(count) == 1


async def test_a_connection_lost_at_commit_is_an_unknown_outcome_and_never_repeated(url: str) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await add(tx, "a")
        execute(url, END_ALL)

    async with opened(url) as database:
        with pytest.raises(Unavailable, match="not known"):
            await database.write(work)
        assert attempts == 1
        assert await database.ready()
        await database.write(lambda tx: add(tx, "b"))


async def test_plans_that_went_stale_are_renewed_on_all_connections(url: str) -> None:
    async with opened(url, database_pool=4) as database:
        await asyncio.gather(*(database.write(lambda tx, n=n: add(tx, f"{n}")) for n in range(4)))

        async def read_and_write(tx: Transaction) -> int:
            found = await tx.all(things.list_things)
            await tx.run(things.increase, name="0")
            return len(found)

        await asyncio.gather(*(database.write(read_and_write) for _ in range(8)))
        before = {lent.raw for lent in pool_of(database)._idle}
        execute(url, "ALTER TABLE thing ALTER COLUMN small TYPE bigint")
        assert await asyncio.gather(*(database.write(read_and_write) for _ in range(8))) == [4] * 8
        assert before.isdisjoint({lent.raw for lent in pool_of(database)._idle})
        execute(url, "ALTER TABLE thing ALTER COLUMN small TYPE integer")
        reads = (database.read(lambda tx: tx.all(things.list_things), snapshot=n % 2 == 0) for n in range(8))
        assert [len(rows) for rows in await asyncio.gather(*reads)] == [4] * 8


async def test_a_statement_that_takes_too_long_is_ended(url: str) -> None:
    async with opened(url, database_timeout=0.2) as database:
        blocker = await asyncpg.connect(url)
        await blocker.execute("BEGIN; LOCK TABLE thing IN ACCESS EXCLUSIVE MODE")
        for call in (database.read(count), database.write(count)):
            with pytest.raises(Unavailable, match="too long"):
                await call
        await blocker.close()
        assert await database.read(count) == 0


async def test_two_queries_at_once_in_one_transaction_are_a_bug(url: str) -> None:
    async def both_at_once(tx: Transaction) -> None:
        await asyncio.gather(count(tx), count(tx))

    async with opened(url) as database:
        with pytest.raises(RuntimeError):
            await database.write(both_at_once)
        assert await database.read(count) == 0


async def test_without_prepared_statements_every_statement_is_in_a_transaction(url: str) -> None:
    """As behind PgBouncer, which gives each transaction another server connection."""
    async with opened(url, database_prepared=False, database_timeout=1) as database:
        await database.write(lambda tx: add(tx, "a"))
        assert await database.read(count) == 1
        assert await database.read(count, snapshot=True) == 1
        with pytest.raises(Conflict):
            await database.write(lambda tx: add(tx, "a"))
        with pytest.raises(RuntimeError, match="only reads"):
            await database.read(lambda tx: add(tx, "b"))
        raw = pool_of(database)._idle[-1].raw
        assert await raw.fetch("SELECT name FROM pg_prepared_statements") == []
        assert await raw.fetchval("SHOW statement_timeout") == "0"
