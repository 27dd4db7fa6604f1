"""Septet: a write that enqueues, and its worker in the same process, as shipped."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Column, Connection, Integer, MetaData, Table, bindparam, insert, select
from sqlalchemy.sql.functions import count

from benchmarks.task_sides.side import CONNECTIONS, RUNNERS, Side
from septet.app import Septet, database_url, running
from septet.core.columns import Id, Text
from septet.core.context import Context
from septet.core.database import one, run
from septet.core.events import task
from septet.core.floor import FLOOR
from septet.core.ids import new_id
from septet.core.system import System
from septet.core.tasks import task_counts
from septet.engines.database.migrations import open_store
from septet.settings import Settings

metadata = MetaData()
notes = Table("pace_note", metadata, Column("id", Id, primary_key=True), Column("text", Text, nullable=False))
effects = Table("pace_effect", metadata, Column("id", Id, primary_key=True), Column("number", Integer, nullable=False))

insert_note = run(insert(notes).values(id=bindparam("id"), text=bindparam("text")).inline())
insert_effect = run(insert(effects).values(id=bindparam("id"), number=bindparam("number")).inline())


class Number(Struct):
    number: int


class Count(Struct):
    count: int


count_effects = one(select(count(effects.c.id).label("count")), into=Count)


@task()
async def take_effect(ctx: Context, payload: Number) -> None:
    side: SeptetSide = ctx.runtime.memory[SeptetSide]
    side.began()
    await ctx.tx.run(insert_effect, id=new_id(), number=payload.number)


async def write_note(ctx: Context, number: int) -> None:
    await ctx.tx.run(insert_note, id=new_id(), text=f"note {number}")
    ctx.enqueue(take_effect, Number(number))


_this = sys.modules[__name__]
PACE = System(name="pace", summary="Notes and tasks.", modules=(_this,), queries=_this, tables=metadata)


class SeptetSide(Side):
    def __init__(self, septet: Septet) -> None:
        super().__init__()
        self._runtime = septet.runtime

    async def store(self, number: int) -> None:
        await self._runtime.context().write(write_note, number)

    async def standing(self) -> tuple[int, int]:
        left = sum(each.count for each in await task_counts(self._runtime) if each.name == "pace.take_effect")
        return left, (await self._runtime.database.read(lambda tx: tx.one(count_effects))).count


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Side]:
    settings = Settings(
        data_dir=folder, database_url=url, limits=False, task_runners=RUNNERS, database_pool=CONNECTIONS
    )
    async with running(settings, {}, [FLOOR, PACE], doors=False, work=True) as septet:
        async with open_store(database_url(settings)).exclusive() as turn:
            await turn.change(_create_tables)
        side = septet.runtime.memory[SeptetSide] = SeptetSide(septet)
        yield side


def _create_tables(connection: Connection) -> None:
    with connection.begin():
        metadata.create_all(connection)
