"""A small system whose tasks write down that they ran: in a table, so that what was rolled back does not show.

What a task does beyond that is scripted by the test, through `script_of(runtime)`.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, insert, select

from septet.core.columns import Id, Text
from septet.core.context import Context
from septet.core.database import many, run
from septet.core.events import Event, every, on, task
from septet.core.ids import new_id
from septet.core.runtime import Runtime
from septet.core.system import System

metadata = MetaData()
effects = Table(
    "chores_effect",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("number", Integer, nullable=False),
)


class Effect(Struct, frozen=True):
    kind: str
    number: int


insert_effect = run(
    insert(effects).values(id=bindparam("id"), kind=bindparam("kind"), number=bindparam("number")).inline()
)
list_effects = many(select(effects.c.kind, effects.c.number).order_by(effects.c.id), into=Effect)


class Script:
    """What the tasks of one process do: `before[kind]` is awaited before the effect, and may fail or wait."""

    def __init__(self) -> None:
        self.before: dict[str, Callable[[Context, int], Awaitable[None]]] = {}
        self.calls: defaultdict[str, list[int]] = defaultdict(list)  # every beginning, also what then failed


def script_of(runtime: Runtime) -> Script:
    script: Script = runtime.memory.setdefault(Script, Script())
    return script


async def effects_of(runtime: Runtime, kind: str) -> list[int]:
    found = await runtime.database.read(lambda tx: tx.all(list_effects))
    return [effect.number for effect in found if effect.kind == kind]


class Chore(Struct):
    number: int


class Moved(Event):
    """A thing was moved; `number` is which of its moves this is."""

    ordered_by: ClassVar[str] = "thing"
    thing: str
    number: int


class Renamed(Event):
    """Its payload was `{"title": …}` in version 1."""

    version: ClassVar[int] = 2
    number: int
    name: str = "unnamed"

    @classmethod
    def upgrade(cls, payload: dict[str, Any], version: int) -> dict[str, Any]:
        return {**payload, "name": payload["title"]}


async def _perform(ctx: Context, kind: str, number: int) -> None:
    script = script_of(ctx.runtime)
    script.calls[kind].append(number)
    if kind in script.before:
        await script.before[kind](ctx, number)


async def _write_down(ctx: Context, kind: str, number: int) -> None:
    await ctx.tx.run(insert_effect, id=new_id(), kind=kind, number=number)


@task(lease=1.0)
async def tidy(ctx: Context, chore: Chore) -> None:
    await _perform(ctx, "tidy", chore.number)
    await _write_down(ctx, "tidy", chore.number)


@task(attempts=2)
async def fragile(ctx: Context, chore: Chore) -> None:
    await _write_down(ctx, "fragile", chore.number)
    await _perform(ctx, "fragile", chore.number)


@task(steps=True, lease=1.0)
async def telephone(ctx: Context, chore: Chore) -> None:
    await _perform(ctx, "telephone", chore.number)
    await ctx.write(_write_down, "telephone", chore.number)


@on(Moved, lease=1.0)
async def map_move(ctx: Context, event: Moved) -> None:
    await _perform(ctx, f"map {event.thing}", event.number)
    await _write_down(ctx, f"map {event.thing}", event.number)


@on(Moved, lease=1.0)
async def log_move(ctx: Context, event: Moved) -> None:
    await _perform(ctx, f"log {event.thing}", event.number)
    await _write_down(ctx, f"log {event.thing}", event.number)


@on(Renamed)
async def print_label(ctx: Context, event: Renamed) -> None:
    await _write_down(ctx, event.name, event.number)


@every(timedelta(hours=1))
async def sweep(ctx: Context) -> None:
    await _write_down(ctx, "sweep", int(ctx.now.timestamp()))


_this = sys.modules[__name__]
CHORES = System(
    name="chores",
    summary="Tasks that write down that they ran.",
    modules=(_this,),
    queries=_this,
    tables=metadata,
    migrations=Path(__file__).parent / "chores_migrations",
)
