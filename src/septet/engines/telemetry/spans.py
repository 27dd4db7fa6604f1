"""A trail as OpenTelemetry's spans: one for the call, under it one a step, and under a transaction one a query.

They are made afterwards, of moments that were written down on the way, so that a call which nobody looks at does not
pay for them. Attributes are named by OpenTelemetry's semantic conventions, and by `septet.` where those have no name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from time import perf_counter_ns

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from septet import __version__
from septet.core.trail import Lap, Trail, new_span_id

Attributes = Mapping[str, str | int | bool]

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)
SCOPE = InstrumentationScope("septet", __version__)


class Spans:
    """Makes spans. `database` is the system that queries run on, as `db.system.name` has it."""

    def __init__(self, resource: Resource, database: str) -> None:
        self._resource = resource
        self._database = database

    def of(self, trail: Trail) -> Iterator[ReadableSpan]:
        """The spans of an ended trail, its own last."""
        wall = time.time_ns() - perf_counter_ns()  # what makes of our moments those of the wall's clock
        trace_id = int(trail.trace_id, 16)
        root = _context(trace_id, trail.own_span_id())
        transactions: list[tuple[Lap, SpanContext]] = []
        for lap in trail.steps():
            context = _context(trace_id, new_span_id())
            if lap[0] == "transaction":
                transactions.append((lap, context))
            yield self._span(lap, context, root, wall)
        for lap in trail.queries:
            above = next((context for around, context in transactions if around[1] <= lap[1] <= around[2]), root)
            asked = {"db.system.name": self._database, "db.operation.name": lap[0]}
            yield self._span(lap, _context(trace_id, new_span_id()), above, wall, SpanKind.CLIENT, asked)
        name, kind = _name_and_kind(trail)
        parent = _context(trace_id, trail.parent_id, remote=True) if trail.parent_id else None
        status = Status(StatusCode.ERROR, trail.problem) if trail.failed else _UNSET
        yield self._span((name, trail.began, trail.ended), root, parent, wall, kind, _attributes(trail), status)

    def _span(
        self,
        lap: Lap,
        context: SpanContext,
        parent: SpanContext | None,
        wall: int,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        status: Status = _UNSET,
    ) -> ReadableSpan:
        name, began, ended = lap
        return ReadableSpan(
            name,
            context,
            parent,
            self._resource,
            attributes,
            kind=kind,
            status=status,
            start_time=began + wall,
            end_time=ended + wall,
            instrumentation_scope=SCOPE,
        )


def _context(trace_id: int, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), remote, _SAMPLED)


def _name_and_kind(trail: Trail) -> tuple[str, SpanKind]:
    if trail.method:
        return f"{trail.method} {trail.route}".rstrip(), SpanKind.SERVER
    if trail.door == "task":
        return trail.operation, SpanKind.CONSUMER
    return trail.operation, SpanKind.INTERNAL


def _attributes(trail: Trail) -> Attributes:
    attributes: dict[str, str | int | bool] = {"septet.door": trail.door}
    if trail.operation:
        attributes["septet.operation"] = trail.operation
    if trail.method:
        attributes["http.request.method"] = trail.method
    if trail.route:
        attributes["http.route"] = trail.route
    if trail.status is not None:
        attributes["http.response.status_code"] = trail.status
    if trail.problem:
        attributes["error.type"] = trail.problem
    if trail.slow:
        attributes["septet.slow"] = True
    if trail.untold[0]:
        attributes["septet.queries.untold"] = trail.untold[0]
    return attributes
