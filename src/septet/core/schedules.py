"""Schedules: a task that is `@every` interval fires once, however many processes run.

Each schedule has one row that tells when it fires next. Whoever moves that moment on, in the transaction that
stores the task, has fired it; the others find it moved. A window that was missed, because nothing ran, fires once,
and a schedule whose last task still waits or runs does not fire on top of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from septet.core import outbox_queries as queries
from septet.core.columns import from_microseconds, to_microseconds
from septet.core.context import Context
from septet.core.outbox import task_row
from septet.core.runtime import Runtime


class Schedules:
    """Fires the schedules that this process knows. The row of one that it does not know is left alone."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._intervals = {task.name: task.mark.every for task in runtime.registry.tasks.values() if task.mark.every}
        self._next: datetime | None = None

    async def fire_due(self) -> None:
        """Fire what is due. Asks the database only at start, and when the first is due."""
        now = self._runtime.clock()
        if not self._intervals or (self._next is not None and now < self._next):
            return
        seen = await self._runtime.database.read(lambda tx: tx.all(queries.list_schedules, names=[*self._intervals]))
        next_at = {schedule.name: schedule.next_at for schedule in seen}
        await self._runtime.context().write_hot(self._move_on, now, next_at)
        self._next = min(next_multiple(now, interval) for interval in self._intervals.values())

    async def _move_on(self, ctx: Context, now: datetime, seen: dict[str, datetime]) -> None:
        for name, interval in self._intervals.items():
            following = next_multiple(now, interval)
            next_at = seen.get(name)
            if next_at is None or next_at > following:  # it is new, or its interval was longer before
                await ctx.tx.run(queries.plan_schedule, name=name, next_at=following)
            elif next_at <= now:
                await self._fire(ctx, name, next_at, following)

    async def _fire(self, ctx: Context, name: str, seen: datetime, following: datetime) -> None:
        moved = await ctx.tx.run(queries.move_schedule, schedule=name, seen=seen, next_at=following)
        if moved and await ctx.tx.maybe(queries.find_next_task, ordered_by=name) is None:
            ctx.pending.append(task_row(name, None, now=ctx.now, ordered_by=name))


def next_multiple(now: datetime, interval: timedelta) -> datetime:
    """The first multiple of `interval` since 1970 that is after `now`."""
    step = to_microseconds(from_microseconds(0) + interval)
    return from_microseconds((to_microseconds(now) // step + 1) * step)
