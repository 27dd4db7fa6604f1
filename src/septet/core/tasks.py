"""What an operator may see of the outbox, and do about it: the command line's `septet tasks`, and the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from time import monotonic
from typing import Final

from septet.core import outbox_queries as queries
from septet.core.context import Context
from septet.core.database import Many, Run
from septet.core.errors import Conflict, NotFound, Unavailable
from septet.core.measures import Gauge, Measure
from septet.core.outbox_queries import Counted, Listed, Shown
from septet.core.runtime import Runtime


class TaskState(StrEnum):
    WAITING = "waiting"  # to be run: now, later, or again after a failure; or running
    DEAD = "dead"  # failed in all of its attempts


_LISTS: dict[tuple[TaskState | None, bool], Many[Listed]] = {
    (None, False): queries.list_tasks,
    (TaskState.WAITING, False): queries.list_waiting_tasks,
    (TaskState.DEAD, False): queries.list_dead_tasks,
    (None, True): queries.list_tasks_named,
    (TaskState.WAITING, True): queries.list_waiting_tasks_named,
    (TaskState.DEAD, True): queries.list_dead_tasks_named,
}


async def list_tasks(
    runtime: Runtime, *, state: TaskState | None = None, name: str | None = None, after: int = 0, most: int = 100
) -> list[Listed]:
    """The oldest tasks after the task `after`, of one state or name if given."""
    query = _LISTS[state, name is not None]
    named = {} if name is None else {"name": name}
    return await runtime.database.read(lambda tx: tx.all(query, after=after, most=most, **named))


async def show_task(runtime: Runtime, task: int) -> Shown:
    """All of a task, its payload too, which can hold personal data. Raises NotFound."""
    found = await runtime.database.read(lambda tx: tx.maybe(queries.show_task, task=task))
    if found is None:
        raise NotFound(f"There is no task {task}: it ended, or never was.")
    return found


async def retry_task(runtime: Runtime, task: int) -> None:
    """Let a task run now, with all its attempts before it. Raises NotFound, or Conflict while it runs."""
    await runtime.context().write_hot(_change, queries.revive_task, task)


async def cancel_task(runtime: Runtime, task: int) -> None:
    """Drop a task, so that it never runs. Raises NotFound, or Conflict while it runs."""
    await runtime.context().write_hot(_change, queries.cancel_task, task)


async def retry_dead_tasks(runtime: Runtime) -> int:
    """Let all dead tasks run again; gives their number."""
    return await runtime.context().write_hot(_retry_dead)


async def task_counts(runtime: Runtime) -> list[Counted]:
    """How many tasks of each name are in each state, and when the first of them is or was due, or died."""
    return await runtime.database.read(lambda tx: tx.all(queries.count_tasks))


class TaskMeasures:
    """The tasks as metrics show them. Counting reads tasks, so it is done seldom, and only among the oldest."""

    MOST: Final = 10_000  # tasks that are looked at
    _REMEMBERED_FOR: Final = 10.0  # seconds

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._counted: Sequence[Counted] = ()
        self._counting = asyncio.Lock()
        self._counted_at = float("-inf")

    async def measures(self) -> list[Measure]:
        """Nothing while the database does not answer: what it held before may be wrong by now."""
        async with self._counting:  # of many who ask at once, one counts
            if monotonic() - self._counted_at >= self._REMEMBERED_FOR:
                try:
                    self._counted = await self._count()
                except Unavailable:
                    return []
                self._counted_at = monotonic()
        now = self._runtime.clock()
        counts = [({"task": each.name, "state": each.state}, each.count) for each in self._counted]
        late = [
            ({"task": each.name}, max(0.0, (now - each.first).total_seconds()))
            for each in self._counted
            if each.state == TaskState.WAITING
        ]
        about = f"Tasks of all processes by state, among the oldest {self.MOST}."
        return [
            Gauge("septet.tasks", about, counts),
            Gauge("septet.tasks.late", "How long the first waiting task of a name is due already.", late, unit="s"),
        ]

    async def _count(self) -> list[Counted]:
        return await self._runtime.database.read(lambda tx: tx.all(queries.count_oldest_tasks, most=self.MOST))


async def _change(ctx: Context, query: Run, task: int) -> None:
    if await ctx.tx.run(query, task=task, now=ctx.now):
        return
    if await ctx.tx.maybe(queries.show_task, task=task) is None:
        raise NotFound(f"There is no task {task}: it ended, or never was.")
    raise Conflict(f"A worker is running task {task} now.")


async def _retry_dead(ctx: Context) -> int:
    return await ctx.tx.run(queries.revive_dead_tasks, after=0, now=ctx.now)
