"""What does a query cost through the engines, beside the bare driver; and how many creates a second are durable?

In one process, no HTTP: `python -m benchmarks.database_engines [--quick]`. A row has eight fields. Every create is on
disk before it counts. Callers are coroutines.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timezone
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, bindparam, create_engine, select, update
from sqlalchemy.dialects.postgresql import insert

from benchmarks import common
from benchmarks.postgres import postgres
from septet.core.columns import Id, Instant, Text
from septet.core.database import Database, Transaction, maybe, one
from septet.core.database import run as run_query
from septet.core.errors import Unavailable
from septet.core.ids import new_id
from septet.engines.database.compile import Plan
from septet.engines.database.dialects import POSTGRESQL, SQLITE
from septet.testing.databases import opened
from septet.testing.sql import create_tables

notes = Table(
    "note",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("author_id", Id, nullable=False),
    Column("title", Text, nullable=False),
    Column("subtitle", Text),
    Column("stars", Integer, nullable=False),
    Column("views", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("text", Text, nullable=False),
)


class Note(Struct):
    id: UUID
    author_id: UUID
    title: str
    subtitle: str | None
    stars: int
    views: int
    at: datetime
    text: str


class Views(Struct):
    views: int


insert_note = one(insert(notes).values({c.key: bindparam(c.key) for c in notes.c}).returning(*notes.c), into=Note)
find_note = maybe(select(*notes.c).where(notes.c.id == bindparam("id")), into=Note)
find_views = one(select(notes.c.views).where(notes.c.id == bindparam("id")), into=Views)
set_views = run_query(update(notes).where(notes.c.id == bindparam("id")).values(views=bindparam("views")))
NOW = datetime.now(timezone.utc)
CALLERS = (1, 8, 64)
HOT_CALLERS = 32
ROUNDS = 5


async def create(tx: Transaction) -> Note:
    return await tx.one(
        insert_note,
        id=new_id(),
        author_id=new_id(),
        title="A title of some length",
        subtitle=None,
        stars=3,
        views=0,
        at=NOW,
        text="Some text of a hundred letters or so, as notes have them, and a little more of it." * 2,
    )


async def count_view(tx: Transaction, id: UUID) -> None:
    """Read, then write: what SERIALIZABLE keeps apart."""
    seen = await tx.one(find_views, id=id)
    await tx.run(set_views, id=id, views=seen.views + 1)


def run(*, quick: bool = False) -> None:
    seconds = 0.3 if quick else 2.0
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        on_sqlite = uvloop.run(measure(f"sqlite:///{folder}/bench.db", seconds))
        on_postgresql = uvloop.run(measure(server.new_database(), seconds))
        hot = uvloop.run(measure_one_row(server.new_database(), seconds))
    tables = [
        common.Table(
            "A read of one row, µs (median of 5)",
            ["", "SQLite", "PostgreSQL"],
            side_by_side(on_sqlite.reads, on_postgresql.reads),
        ),
        common.Table(
            "Durable creates a second",
            ["callers", "SQLite", "PostgreSQL"],
            side_by_side(on_sqlite.creates, on_postgresql.creates),
        ),
        common.Table(
            f"{HOT_CALLERS} callers change one row at SERIALIZABLE, PostgreSQL",
            ["", "changes/s", "given up", "tries a change", "p99, ms"],
            hot,
        ),
    ]
    common.write_results("database-engines", tables, about=(__doc__ or "").strip())


class Figures(Struct):
    reads: dict[str, float]
    creates: dict[str, float]


def side_by_side(first: dict[str, float], second: dict[str, float]) -> list[list[str]]:
    shown = lambda value: "" if value is None else f"{value:,.0f}" if value > 100 else f"{value:.1f}"
    return [[name, shown(first.get(name)), shown(second.get(name))] for name in {**first, **second}]


async def measure(url: str, seconds: float) -> Figures:
    create_tables(url, notes.metadata)
    async with opened(url, database_pool=16) as database:
        note = await database.write(create)
        reads = {"the bare driver, a tuple": await read_bare(url, note.id, seconds)}
        if database.dialect == "sqlite":
            reads["SQLAlchemy Core, a Row"] = read_by_sqlalchemy(url, note.id, seconds)
        find = lambda tx: tx.maybe(find_note, id=note.id)
        reads["Septet, a Struct"] = await cost(lambda: database.read(find), seconds)
        reads["Septet, a Struct, in a snapshot"] = await cost(lambda: database.read(find, snapshot=True), seconds)
        creates = {f"{callers}": await rate(database, callers, seconds) for callers in CALLERS}
    return Figures(reads, creates)


async def cost(call: Callable[[], Awaitable[Any]], seconds: float) -> float:
    """Microseconds a call, one after another."""
    costs = []
    for _ in range(ROUNDS):
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds / ROUNDS:
            for _ in range(20):
                await call()
            calls += 20
        costs.append((time.perf_counter() - began) / calls * 1e6)
    return median(costs)


async def read_bare(url: str, id: UUID, seconds: float) -> float:
    if url.startswith("sqlite"):
        plan, connection = Plan(find_note, SQLITE), sqlite3.connect(url.removeprefix("sqlite:///"))
        parameters = plan.bind(id=id)

        async def read() -> Any:
            return connection.execute(plan.sql, parameters).fetchone()

        taken = await cost(read, seconds)
        connection.close()
        return taken
    plan, raw = Plan(find_note, POSTGRESQL), await asyncpg.connect(url)
    taken = await cost(lambda: raw.fetchrow(plan.sql, id), seconds)
    await raw.close()
    return taken


def read_by_sqlalchemy(url: str, id: UUID, seconds: float) -> float:
    """Its own execution of the same statement, in this thread, on one connection."""
    costs = []
    with create_engine(url).connect() as connection:
        for _ in range(ROUNDS):
            calls, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds / ROUNDS:
                connection.execute(find_note.statement, {"id": id}).one()
                calls += 1
            costs.append((time.perf_counter() - began) / calls * 1e6)
    return median(costs)


async def rate(database: Database, callers: int, seconds: float) -> float:
    created, until = itertools.count(), time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < until:
            await database.write(create, name="create")
            next(created)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return next(created) / seconds


async def measure_one_row(url: str, seconds: float) -> list[list[str]]:
    create_tables(url, notes.metadata)
    async with opened(url, database_pool=16) as database:
        note = await database.write(create)
        names = {"each for itself": map(str, itertools.count()), "in turns": itertools.repeat("count_view")}
        return [[how, *await change_one_row(database, note.id, name, seconds)] for how, name in names.items()]


async def change_one_row(database: Database, id: UUID, names: Iterator[str], seconds: float) -> list[str]:
    """Turns are taken among transactions of one name."""
    tries = given_up = 0
    taken: list[float] = []
    until = time.perf_counter() + seconds

    async def change(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        await count_view(tx, id)

    async def caller() -> None:
        nonlocal given_up
        while time.perf_counter() < until:
            began = time.perf_counter()
            try:
                await database.write(change, name=next(names))
            except Unavailable:
                given_up += 1
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(HOT_CALLERS)))
    slow = sorted(taken)[int(len(taken) * 0.99)]
    done = len(taken) - given_up
    return [f"{done / seconds:,.0f}", f"{given_up / len(taken):.0%}", f"{tries / done:.1f}", f"{slow * 1e3:.0f}"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short, for a first look: the figures will be rough")
    run(quick=parser.parse_args().quick)
