"""An operation run for once without consequences: its transaction is rolled back when it has done its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from septet.cli.callers import Who, actor_of
from septet.cli.common import fail
from septet.core.context import ANONYMOUS, Client, Context
from septet.core.database import Database, Isolation, Transaction
from septet.core.errors import Problem
from septet.core.trail import Trail, milliseconds
from septet.doors.values import ValueBinder

if TYPE_CHECKING:
    from septet.app import Septet
    from septet.core.operation import Operation

T = TypeVar("T")


_REHEARSING: ContextVar[bool] = ContextVar("septet_rehearsing", default=False)


class Asked(Struct, frozen=True):
    """A query that was run, and for how long it was waited."""

    query: str
    ms: float


class Rehearsed(Struct, frozen=True):
    """What came of it: the reply, or the code of the problem; its queries in order; the tasks it would have stored."""

    reply: Any
    problem: str | None
    detail: str
    ms: float
    queries: list[Asked]
    tasks: list[str]


class _Undone(Exception):
    """Raised at the end of a transaction, so that it is rolled back; `value` is what it came to."""

    def __init__(self, value: Any) -> None:
        super().__init__("rolled back, as was intended")
        self.value = value


class _Undoing:
    """A database that undoes what the rehearsal changes, and nobody else: this process also writes down its records."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        name: str = "",
    ) -> T:
        if not _REHEARSING.get():
            return await self._database.write(work, isolation=isolation, name=name)

        async def work_in_vain(tx: Transaction) -> T:
            raise _Undone(await work(tx))

        return await self._database.write(work_in_vain, isolation=isolation, name=name)


async def rehearse(
    septet: Septet, operation: Operation, values: Mapping[str, Any], who: Who, client: Client
) -> Rehearsed:
    """Run `operation` as `who` would, and undo it. Leaves for one in steps, whose transactions are its own."""
    if operation.declared.steps:
        fail(f"{operation.name} opens its transactions itself and may call out, so it cannot be run and undone")
    ctx = Context(septet.runtime, ANONYMOUS, client)
    trail = ctx.trail = Trail("cli")
    value: Any = None
    problem: Problem | None = None
    database = septet.runtime.database
    database.compile(septet.runtime.registry.queries)  # now, so that it does not count as time of the queries
    septet.runtime.database = _Undoing(database)
    rehearsing = _REHEARSING.set(True)
    began = perf_counter_ns()
    try:
        ctx.actor = await actor_of(septet.runtime, operation, who)
        value = await septet.pipeline.call(ctx, operation, lambda: ValueBinder(operation).bind_flat(values))
    except _Undone as undone:
        value = undone.value
    except Problem as found:
        problem = found
    finally:
        ended = perf_counter_ns()
        _REHEARSING.reset(rehearsing)
        septet.runtime.database = database
    return Rehearsed(
        reply=value,
        problem=problem.code if problem else None,
        detail=problem.detail if problem else "",
        ms=milliseconds(ended - began),
        queries=[Asked(name, milliseconds(end - start)) for name, start, end in trail.queries],
        tasks=[str(task["name"]) for task in ctx.pending],
    )
