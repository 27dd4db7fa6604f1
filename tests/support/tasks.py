"""Septet with the chores system, and the few steps that tests of tasks repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from septet.app import Septet
from septet.core.context import Context
from septet.core.floor import FLOOR
from septet.core.outbox_queries import Listed
from septet.core.runtime import Runtime
from septet.core.tasks import list_tasks
from support.app import Clock, running_septet
from support.chores import CHORES


@asynccontextmanager
async def chores(database_url: str, folder: Path, clock: Clock | None = None, **options: Any) -> AsyncIterator[Septet]:
    async with running_septet(
        database_url, folder, systems=[FLOOR, CHORES], doors=False, clock=clock or Clock(), **options
    ) as septet:
        yield septet


async def store(runtime: Runtime, record: Callable[[Context], None]) -> None:
    """Do `record`, which publishes or enqueues, in a transaction."""

    async def work(ctx: Context) -> None:
        record(ctx)

    await runtime.context().write(work)


async def tasks_of(runtime: Runtime) -> list[Listed]:
    """All but the schedules' tasks, which come and go by the clock."""
    return [task for task in await list_tasks(runtime) if task.name != "chores.sweep"]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait for what another task of this event loop, or another process, is about to do."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.005)
