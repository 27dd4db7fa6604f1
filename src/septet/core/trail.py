"""The trail of a call or a task: which steps it went through, which queries it ran, and when.

Every call leaves one, so it is kept light: a moment a step, a pair of moments a query. What becomes of it is
decided when the call has ended, by `core/telemetry.py`: nothing, nearly always.

The trail of what runs now is found through `TRAIL`, so that whatever is called on the way, and every log line,
knows the trace that it belongs to. Moments are `perf_counter_ns()`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from septet.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    Problem,
    TooMany,
    Unauthenticated,
)

if TYPE_CHECKING:
    from septet.core.database import Many, Maybe, One, Run, Transaction
    from septet.core.types import AccountId

T = TypeVar("T")
Lap = tuple[str, int, int]  # the name of a step or a query, when it began and when it ended

TRAIL: ContextVar[Trail | None] = ContextVar("septet_trail", default=None)

MOST_LAPS: Final = 512  # steps, and queries, that one trail tells apart
_OWN: Final = ""  # between two steps
_OF_A_TRANSACTION: Final = 4  # marks that it leaves
_MILLION: Final = 1_000_000
_REFUSALS = (
    Malformed,
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    PreconditionFailed,
    TooMany,
)
# W3C Trace Context: version, trace, the caller's span, flags. Versions to come may add to it; ff is no version.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}\Z")
_SAMPLED = 1


class QueryTotal(Struct, frozen=True):
    """All that one call asked by one query."""

    name: str
    count: int
    ms: float


class Trail:
    """What one call or task did. `operation` is the first that it ran, and empty while it ran none.

    Every call makes one, so what most calls never change stands in the class.
    """

    parent_id = ""  # the span of another service, or of the call that stored this task
    span_id = ""  # our own, made when somebody asks
    sampled: bool | None = None  # None: not decided yet
    account: AccountId | None = None
    problem = ""  # the code of what it was refused or failed with
    failed = False  # through the server's fault
    slow = False
    method = ""  # of HTTP, as the next two
    route = ""  # the template, never the path, which names things
    status: int | None = None
    untold = (0, 0)  # queries beyond the most that are told apart, and their nanoseconds
    ended = 0

    def __init__(self, door: str, trace_id: str = "", operation: str = "") -> None:
        self.door = door
        self.trace_id = trace_id
        self.operation = operation
        self.queries: list[Lap] = []
        self.marks: list[tuple[str, int]] = []
        self.began = perf_counter_ns()

    def enter(self, operation: str, account: AccountId | None) -> None:
        """Say that an operation begins, asked for by `account`. A call of several bears the name of the first."""
        self.operation = self.operation or operation
        self.account = account

    def mark(self, step: str) -> None:
        """Say that `step` ends here; it began where the step before it ended."""
        self.marks.append((step, perf_counter_ns()))

    def resume(self) -> None:
        """Begin the next step here: what lies between is the operation's own time.

        An operation of very many transactions shows its first ones, and its last.
        """
        if len(self.marks) >= MOST_LAPS:
            del self.marks[-_OF_A_TRANSACTION:]
        self.marks.append((_OWN, perf_counter_ns()))

    def add_query(self, name: str, began: int) -> None:
        """Say that the query `name` ends here."""
        now = perf_counter_ns()
        if len(self.queries) < MOST_LAPS:
            self.queries.append((name, began, now))
        else:
            count, nanoseconds = self.untold
            self.untold = (count + 1, nanoseconds + now - began)

    def note(self, error: BaseException) -> None:
        """Remember what it was refused or failed with; of several, the first failure."""
        if self.failed:
            return
        self.problem = error.code if isinstance(error, Problem) else Problem.code
        self.failed = not isinstance(error, _REFUSALS)

    def follow(self, traceparent: str) -> None:
        """Go on with the trace of whoever called. What is no `traceparent` is passed over."""
        found = _TRACEPARENT.match(traceparent)
        if found is not None:
            self.trace_id, self.parent_id = found[1], found[2]
            self.sampled = bool(int(found[3], 16) & _SAMPLED)

    def own_span_id(self) -> str:
        if not self.span_id:
            self.span_id = new_span_id()
        return self.span_id

    @property
    def ms(self) -> float:
        """How long it took."""
        return milliseconds(self.ended - self.began)

    def steps(self) -> Iterator[Lap]:
        """Its steps, in their order."""
        began = self.began
        for step, ended in self.marks:
            if step is not _OWN:
                yield step, began, ended
            began = ended

    def ms_by_step(self) -> dict[str, float]:
        """Milliseconds by step; those of steps that came several times are added up."""
        total: dict[str, int] = {}
        for step, began, ended in self.steps():
            total[step] = total.get(step, 0) + ended - began
        return {step: milliseconds(taken) for step, taken in total.items()}

    def query_totals(self) -> list[QueryTotal]:
        """What it asked the database, the dearest first: so one query asked a hundred times is seen."""
        total: dict[str, tuple[int, int]] = {}
        for name, began, ended in self.queries:
            count, taken = total.get(name, (0, 0))
            total[name] = (count + 1, taken + ended - began)
        if self.untold[0]:
            total["others"] = self.untold
        dearest = sorted(total.items(), key=lambda item: -item[1][1])
        return [QueryTotal(name, count, milliseconds(taken)) for name, (count, taken) in dearest]


class Timed:
    """A transaction whose queries are written into a trail."""

    __slots__ = ("_trail", "_transaction")

    def __init__(self, transaction: Transaction, trail: Trail) -> None:
        self._transaction = transaction
        self._trail = trail

    async def one(self, query: One[T], /, **values: Any) -> T:
        began = perf_counter_ns()
        try:
            return await self._transaction.one(query, **values)
        finally:
            self._trail.add_query(query.name, began)

    async def maybe(self, query: Maybe[T], /, **values: Any) -> T | None:
        began = perf_counter_ns()
        try:
            return await self._transaction.maybe(query, **values)
        finally:
            self._trail.add_query(query.name, began)

    async def all(self, query: Many[T], /, **values: Any) -> list[T]:
        began = perf_counter_ns()
        try:
            return await self._transaction.all(query, **values)
        finally:
            self._trail.add_query(query.name, began)

    async def run(self, query: Run, /, **values: Any) -> int:
        began = perf_counter_ns()
        try:
            return await self._transaction.run(query, **values)
        finally:
            self._trail.add_query(query.name, began)

    async def run_many(self, query: Run, rows: Iterable[dict[str, Any]], /) -> None:
        began = perf_counter_ns()
        try:
            await self._transaction.run_many(query, rows)
        finally:
            self._trail.add_query(query.name, began)

    async def try_lock(self, name: str) -> bool:
        began = perf_counter_ns()
        try:
            return await self._transaction.try_lock(name)
        finally:
            self._trail.add_query("try_lock", began)


def new_trace_id() -> str:
    return f"{random.getrandbits(128) or 1:032x}"  # a name, no secret


def trace_id_of(request_id: str) -> str:
    """The request id, if it can name a trace; else a new one."""
    return request_id if _TRACE_ID.match(request_id) else new_trace_id()


def new_span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / _MILLION, 3)
