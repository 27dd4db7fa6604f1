"""One attempt at one task: decoded, run, and ended, put off or buried.

An ordinary task runs in one transaction that begins by deleting the task's own row, if it is still ours. So its
changes to the database and its end are one: whatever is delivered twice is done once. A `steps` task runs outside
a transaction and is ended afterwards: it is done at least once.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from septet.core import outbox_queries as queries
from septet.core.context import Context
from septet.core.database import Run
from septet.core.errors import Unavailable
from septet.core.events import Event
from septet.core.outbox_queries import Claimed
from septet.core.registry import Task
from septet.core.runtime import Runtime
from septet.core.trail import TRAIL, Trail, new_trace_id

log = structlog.get_logger()

FIRST_DELAY, LONGEST_DELAY = 1.0, 3600.0  # seconds
_LONGEST_ERROR = 2000
_PATIENCE = (0.0, 0.1, 0.5, 2.0, 5.0)  # seconds before each try to write down how a task ended


class Held:
    """A task that this process holds by the lease `lease`. `call` is the running handler of a `steps` task."""

    __slots__ = ("began", "call", "claimed", "lease", "lost", "task")

    def __init__(self, task: Task, claimed: Claimed, lease: UUID) -> None:
        self.task = task
        self.claimed = claimed
        self.lease = lease
        self.lost = False
        self.began = 0.0  # when it began to run, in the event loop's seconds
        self.call: asyncio.Task[None] | None = None

    @property
    def place(self) -> dict[str, Any]:
        """What finds its row, as long as it is ours."""
        return {"task": self.claimed.id, "holder": self.lease}

    def lose(self) -> None:
        """The lease may be another's now: stop what runs outside a transaction. One inside will not find its row."""
        self.lost = True
        if self.call is not None:
            self.call.cancel()


class LeaseLostError(Exception):
    """The task is another's by now; nothing was changed."""


class UndecodableError(Exception):
    """The payload is not what the task takes, and no later attempt will find it otherwise."""


class Delivery:
    """Attempts tasks on `runtime`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def attempt(self, held: Held) -> None:
        """Run the task once. Whatever happens, its row tells afterwards; only cancellation leaves it as it is."""
        held.began = asyncio.get_running_loop().time()
        trail = self._begin_trail(held)
        try:
            if held.claimed.attempts >= held.task.mark.attempts:
                await self._bury(held, held.claimed.attempts, "its worker died or stalled while it held this task")
                return
            payload = decode(held.task, held.claimed)
            if held.task.mark.steps:
                await self._run_steps(held, payload)
            else:
                await self._run_whole(held, payload)
        except LeaseLostError:
            log.warning("task left to another: its lease ran out", **_names(held))
        except UndecodableError as error:
            trail.note(error)
            await self._bury(held, held.claimed.attempts + 1, describe(error))
        except Exception as error:
            trail.note(error)
            await self._fail(held, error)
        finally:
            self._runtime.telemetry.end(trail)
            TRAIL.set(None)

    def _begin_trail(self, held: Held) -> Trail:
        """It goes on with the trace of the call that stored the task, if one did."""
        trail = Trail("task", new_trace_id(), held.task.name)
        if held.claimed.traceparent is not None:
            trail.follow(held.claimed.traceparent)
        TRAIL.set(trail)
        return trail

    async def _run_whole(self, held: Held, payload: Struct | None) -> None:
        """Run and end the task in one transaction, or do nothing at all."""
        ctx = self._context(held)

        async def end_and_run() -> None:
            if not await ctx.tx.run(queries.end_task, **held.place):
                raise LeaseLostError
            await _handle(ctx, held.task, payload)

        await self._runtime.write(ctx, end_and_run, name=held.task.name)

    async def _run_steps(self, held: Held, payload: Struct | None) -> None:
        """Run the task in a call of its own, so that it can be stopped when its lease is lost; then end it."""
        if held.lost:
            raise LeaseLostError
        held.call = call = asyncio.ensure_future(_handle(self._context(held), held.task, payload))
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait({call})
            raise
        if held.lost:
            raise LeaseLostError
        if call.cancelled():
            raise RuntimeError("the task cancelled itself")
        call.result()
        await self._settle(held, queries.end_task)

    async def _fail(self, held: Held, error: Exception) -> None:
        """Put the task off, or bury it if that was its last attempt. The database's own trouble is not its fault."""
        if isinstance(error, Unavailable) and await self._is_databases_trouble(held):
            log.warning("task put off: the database was unavailable", **_names(held))
            claim_at = self._runtime.clock() + timedelta(seconds=FIRST_DELAY)
            await self._settle(held, queries.release_task, claim_at=claim_at)
            return
        attempts = held.claimed.attempts + 1
        if attempts >= held.task.mark.attempts:
            await self._bury(held, attempts, describe(error), error)
            return
        delay = backoff(attempts)
        log.warning("task failed and is tried again", **_names(held), attempt=attempts, delay=delay, exc_info=error)
        run_at = self._runtime.clock() + timedelta(seconds=delay)
        await self._settle(held, queries.postpone_task, run_at=run_at, attempts=attempts, last_error=describe(error))

    async def _is_databases_trouble(self, held: Held) -> bool:
        """A task that is one transaction meets no other, unless a statement of its own took too long.

        A `steps` task may have called out: it is the database's only if that does not answer.
        """
        if held.task.mark.steps:
            return not await self._runtime.database.ready()
        return asyncio.get_running_loop().time() - held.began < self._runtime.floor.database_timeout

    async def _bury(self, held: Held, attempts: int, reason: str, error: Exception | None = None) -> None:
        log.error("task is dead: see septet tasks list --state dead", **_names(held), reason=reason, exc_info=error)
        now = self._runtime.clock()
        await self._settle(held, queries.bury_task, died_at=now, attempts=attempts, last_error=reason)

    async def _settle(self, held: Held, query: Run, **values: Any) -> None:
        """Write down how the task ended. If the database stays away, its lease runs out and it is tried again."""
        for delay in _PATIENCE:
            await asyncio.sleep(delay)
            try:
                await self._runtime.context().write_hot(_run, query, {**held.place, **values})
                return
            except Unavailable:
                continue
        log.error("task's end could not be written down", **_names(held))

    def _context(self, held: Held) -> Context:
        ctx = self._runtime.context()
        ctx.request_id = str(held.claimed.id)
        return ctx


def decode(task: Task, claimed: Claimed) -> Struct | None:
    """The payload as the task takes it today. Raises UndecodableError if it cannot become that.

    One of a version newer than ours raises ValueError instead: it may yet be taken by a newer process.
    """
    kind = task.payload
    if kind is None:
        return None
    version = kind.version if issubclass(kind, Event) else 1
    try:
        payload: bytes = bytes(claimed.payload)
        if issubclass(kind, Event) and claimed.version < version:
            payload = msgspec.json.encode(kind.upgrade(msgspec.json.decode(payload), claimed.version))
        return msgspec.json.decode(payload, type=kind)
    except Exception as error:
        if claimed.version > version:
            raise ValueError(f"payload of version {claimed.version} is newer than this process knows") from error
        raise UndecodableError(f"payload of version {claimed.version}: {error}") from error


def backoff(attempts: int) -> float:
    """Seconds to wait after so many failures: doubling, half of it by chance, so that crowds come apart."""
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(attempts - 1, 32))
    return delay / 2 + random.uniform(0, delay / 2)  # noqa: S311 - nothing secret about it


def describe(error: BaseException) -> str:
    """Class and message. The first line only, since a database tells the offending values in the next."""
    message = "".join(each if each.isprintable() else "?" for each in str(error).partition("\n")[0])
    return f"{type(error).__name__}: {message}"[:_LONGEST_ERROR]


async def _handle(ctx: Context, task: Task, payload: Struct | None) -> None:
    if task.payload is None:
        await task.handler(ctx)
    else:
        await task.handler(ctx, payload)


async def _run(ctx: Context, query: Run, values: dict[str, Any]) -> int:
    return await ctx.tx.run(query, **values)


def _names(held: Held) -> dict[str, Any]:
    return {"task": held.task.name, "task_id": held.claimed.id}
