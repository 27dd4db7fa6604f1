"""Events, tasks and schedules as a system declares them. `core/outbox.py` stores and delivers them.

    class AccountDeleted(Event):                              # events.py: what a system announces
        ordered_by = "account_id"
        account_id: AccountId

    @on(AccountDeleted)                                       # tasks.py of any system: what it does about it
    async def forget_author(ctx: Context, event: AccountDeleted) -> None: ...

    @task()                                                   # work for later: ctx.enqueue(send_digest, Digest(…))
    async def send_digest(ctx: Context, digest: Digest) -> None: ...

    @every(timedelta(hours=1))                                # once across all processes
    async def sweep_expired(ctx: Context) -> None: ...

Each runs in one transaction that also ends the task, so its changes to the database happen once.
One that must call out says `steps=True` and is delivered at least once: it must bear a repeat.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from septet.core.context import Context

P = TypeVar("P", bound=Struct)
E = TypeVar("E", bound="Event")
Handler = Callable[..., Awaitable[None]]


class Event(Struct):
    """Something that happened. Those with the same value of the field that `ordered_by` names are delivered in order.

    `version` counts the shapes its payload has had. One written by the previous release must still be
    understood: a new field has a default, and `upgrade` turns an older payload into today's.
    """

    version: ClassVar[int] = 1
    ordered_by: ClassVar[str] = ""

    @classmethod
    def upgrade(cls, payload: dict[str, Any], version: int) -> dict[str, Any]:
        """Today's payload from one of an older `version`."""
        return payload


class TaskMark(Struct, frozen=True):
    """How a task is run: its attempts, its lease in seconds, and what sets it off."""

    attempts: int
    lease: float
    steps: bool
    event: type[Event] | None = None
    every: timedelta | None = None


def task(
    *, attempts: int = 10, lease: float = 30.0, steps: bool = False
) -> Callable[[Callable[[Context, P], Awaitable[None]]], Callable[[Context, P], Awaitable[None]]]:
    """Mark a function as work that `ctx.enqueue` may store for later."""
    return _marker(TaskMark(attempts, lease, steps))


def on(
    event: type[E], *, attempts: int = 10, lease: float = 30.0, steps: bool = False
) -> Callable[[Callable[[Context, E], Awaitable[None]]], Callable[[Context, E], Awaitable[None]]]:
    """Mark a function as what is done about each `event`, whichever system announces it."""
    return _marker(TaskMark(attempts, lease, steps, event=event))


def every(
    interval: timedelta, *, attempts: int = 3, lease: float = 30.0, steps: bool = False
) -> Callable[[Callable[[Context], Awaitable[None]]], Callable[[Context], Awaitable[None]]]:
    """Mark a function as done once every `interval`, at its multiples since 1970, across all processes."""
    return _marker(TaskMark(attempts, lease, steps, every=interval))


def _marker(mark: TaskMark) -> Callable[[Any], Any]:
    def keep(function: Handler) -> Handler:
        setattr(function, "__task__", mark)
        return function

    return keep
