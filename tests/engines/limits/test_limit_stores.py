"""The stores of shared limits: Valkey and the database add up alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from septet.core import limit_queries, tables
from septet.core.database import name_queries
from septet.core.sharing import LimitStore, Spent
from septet.engines.limits.database import DatabaseLimits
from septet.engines.limits.valkey import ValkeyLimits
from septet.engines.valkey import Valkey
from support.databases import new_postgresql_database, new_sqlite_database, opened
from support.sql import create_tables

NOW = 1_800_000_000.0


@asynccontextmanager
async def stores(url: str, count: int = 2) -> AsyncIterator[list[LimitStore]]:
    """As many processes' ways to one store."""
    if url.startswith("unix"):
        clients = [Valkey(url) for _ in range(count)]
        yield [ValkeyLimits(client) for client in clients]
        for client in clients:
            await client.close()
        return
    create_tables(url, tables.metadata)
    async with opened(url) as one, opened(url) as two:
        for database in (one, two):
            database.compile(name_queries(limit_queries))
        yield [DatabaseLimits((one, two)[number % 2], lambda: NOW) for number in range(count)]


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Each store in turn."""
    if request.param == "sqlite":
        yield new_sqlite_database(tmp_path)
    elif request.param == "valkey":
        yield request.getfixturevalue("valkey_url")
    else:
        with new_postgresql_database(request.getfixturevalue("postgres_server")) as url:
            yield url


def about(seconds: float) -> object:
    """Valkey's own clock goes on while a test runs."""
    return pytest.approx(seconds, abs=0.5)


async def test_spending_adds_up_across_processes(url: str) -> None:
    async with stores(url) as (one, two):
        assert [(b.name, b.seconds) for b in await one.exchange([Spent(b"ann", 6.0, 60.0)])] == [(b"ann", about(6))]
        assert [(b.name, b.seconds) for b in await two.exchange([Spent(b"ann", 12.0, 60.0)])] == [(b"ann", about(18))]
        assert list(await one.exchange([])) == []


async def test_who_is_near_a_limit_is_told_to_all_processes(url: str) -> None:
    async with stores(url, 3) as (one, two, late):
        await two.exchange([])
        await one.exchange([Spent(b"far", 29.0, 60.0), Spent(b"near", 31.0, 60.0)])
        assert [(b.name, b.seconds) for b in await two.exchange([])] == [(b"near", about(31))]
        await one.exchange([Spent(b"near", 20.0, 60.0)])
        assert [(b.name, b.seconds) for b in await two.exchange([])] == [(b"near", about(51))]
        assert {b.name: b.seconds for b in await late.exchange([])} == {b"near": about(51)}


async def test_debts_are_bounded(url: str) -> None:
    async with stores(url) as (one, two):
        for store in (one, two, one):
            standings = {b.name: b.seconds for b in await store.exchange([Spent(b"ann", 60.0, 60.0)])}
        assert standings == {b"ann": about(120)}


async def test_a_strict_spending_is_refused_beyond_the_window_and_costs_nothing(url: str) -> None:
    async with stores(url) as (one, two):
        assert await one.spend(Spent(b"ann", 40.0, 60.0)) == (True, about(40))
        assert await two.spend(Spent(b"ann", 40.0, 60.0)) == (False, about(40))
        assert await two.spend(Spent(b"ann", 19.0, 60.0)) == (True, about(59))


async def test_many_at_once_lose_nothing(url: str) -> None:
    async with stores(url, 4) as four:
        spent = [Spent(f"{number}".encode(), 1.0, 60.0) for number in range(50)]
        turns = [store.exchange(spent[::step]) for store, step in zip(four, (1, -1, 1, -1), strict=True)]
        await asyncio.gather(*turns)
        standings = {b.name: b.seconds for b in await four[0].exchange(spent)}
        assert standings == {one.name: about(5) for one in spent}


async def test_of_many_strict_ones_at_once_just_as_many_pass_as_may(url: str) -> None:
    async with stores(url, 4) as four:
        turns = [store.spend(Spent(b"ann", 6.0, 60.0)) for store in four for _ in range(8)]
        assert sum(allowed for allowed, _ in await asyncio.gather(*turns)) == 10
