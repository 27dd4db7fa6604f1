"""The outbox: events and tasks are rows, stored in the transaction of the change that gave rise to them.

So there is no moment when a change stands and its consequences are lost, or the other way round. An event becomes
one task a listener, so that the trouble of one does not stop another; an event without listeners leaves no trace.
`core/worker.py` runs what is stored here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from septet.core import outbox_queries as queries
from septet.core.events import Event

if TYPE_CHECKING:
    from septet.core.context import Context
    from septet.core.registry import Registry, Task


class Outbox:
    """Stores what transactions announce, and wakes this process's worker once that is durable."""

    def __init__(self, registry: Registry) -> None:
        self._tasks = registry.task_of
        self._listeners: dict[type[Event], list[Task]] = {}
        for task in registry.tasks.values():
            if task.mark.event is not None:
                self._listeners.setdefault(task.mark.event, []).append(task)
        self._wakers: list[Callable[[], None]] = []

    def publish(self, ctx: Context, event: Event) -> None:
        """Record one task a listener. Raises RuntimeError outside a transaction."""
        of_kind = type(event)
        aggregate = getattr(event, of_kind.ordered_by) if of_kind.ordered_by else None
        for task in self._listeners.get(of_kind, ()):
            ordered_by = None if aggregate is None else f"{task.name}:{aggregate}"
            self._record(ctx, task, event, None, ordered_by)

    def enqueue(
        self,
        ctx: Context,
        function: Callable[[Context, Any], Awaitable[None]],
        payload: Struct,
        *,
        at: datetime | None = None,
        ordered_by: str | None = None,
    ) -> None:
        """Record a task. Raises TypeError for what no card declares, RuntimeError outside a transaction."""
        task = self._tasks.get(function)
        if task is None:
            raise TypeError(f"{function.__qualname__} is not a task of any system that runs here")
        if task.payload is None or not isinstance(payload, task.payload):
            raise TypeError(f"{task.name} does not take a {type(payload).__name__}")
        self._record(ctx, task, payload, at, ordered_by)

    async def store(self, ctx: Context) -> None:
        """Write what `ctx` recorded into its open transaction."""
        if len(ctx.pending) == 1:
            await ctx.tx.run(queries.insert_task, **ctx.pending[0])
        else:
            await ctx.tx.run_many(queries.insert_task, ctx.pending)

    async def forget(self, ctx: Context, naming: str, *, but: type[Event]) -> None:
        """Delete the tasks that died whose payload holds `naming`, such as the id of who is erased.

        Those that listen to `but`, the erasure itself, stay: an operator has yet to see to them.
        """
        kept = [task.name for task in self._listeners.get(but, ())]
        await ctx.tx.run(queries.forget_dead_tasks, pattern=f"%{naming}%", but=kept)

    def wake(self) -> None:
        """Tell this process's worker, if it has one, that there is something to do."""
        for call in self._wakers:
            call()

    def on_wake(self, call: Callable[[], None]) -> Callable[[], None]:
        """Do `call` at every `wake`, until the function that this returns is called."""
        self._wakers.append(call)
        return lambda: self._wakers.remove(call)

    def _record(self, ctx: Context, task: Task, payload: Struct, at: datetime | None, ordered_by: str | None) -> None:
        assert ctx.tx is not None  # outside a transaction nothing would store it, and `ctx.tx` raises
        row = task_row(task.name, payload, now=ctx.now, at=at, ordered_by=ordered_by)
        if ctx.trail is not None:
            row["traceparent"] = ctx.runtime.telemetry.traceparent(ctx.trail)
        ctx.pending.append(row)


def task_row(
    name: str, payload: Struct | None, *, now: datetime, at: datetime | None = None, ordered_by: str | None = None
) -> dict[str, Any]:
    """The values of `queries.insert_task`. The payload is encoded at once, so that later changes to it do not show."""
    return {
        "name": name,
        "version": payload.version if isinstance(payload, Event) else 1,
        "payload": msgspec.Raw(msgspec.json.encode(payload)),
        "ordered_by": ordered_by,
        "run_at": at or now,
        "created_at": now,
        "traceparent": None,
    }
