"""What becomes of the trails that calls and tasks leave, decided when they have ended.

A slow one is logged, with its steps and queries. One that failed or was slow is kept as a record and exported as a
trace, and so is a sample of all the others. Nothing of this waits, or fails the call that it tells of; under
pressure it drops, and counts what it dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from septet.core.measures import Counter, Measure
from septet.core.trail import TRAIL, Trail, trace_id_of

if TYPE_CHECKING:
    from septet.core.context import Context

log = structlog.get_logger()

SAMPLED_A_SECOND: Final = 50  # traces, at most: so that a high rate, or many callers who ask for it, stay cheap
FAILED_A_SECOND: Final = 100  # traces of calls that failed or were slow, at most
_SECOND: Final = 1_000_000_000


class Exporter(Protocol):
    """Takes trails to where traces are kept."""

    def export(self, trail: Trail) -> None:
        """Take an ended trail. Does not wait."""
        ...


class Recorder(Protocol):
    """Keeps records of calls and tasks here."""

    def wants_more(self) -> bool:
        """Whether one that is nothing special is welcome now."""
        ...

    def add(self, trail: Trail) -> None:
        """Take an ended trail. Does not wait."""
        ...


class Telemetry:
    """Ends trails. `exporter` and `recorder` are set where they are switched on."""

    def __init__(self, *, slow: float, sample: float) -> None:
        """`slow`: seconds after which a call is slow. `sample`: the share of traces that are exported, from 0 to 1."""
        self.exporter: Exporter | None = None
        self.recorder: Recorder | None = None
        self.dropped_traces = 0
        self._slow = int(slow * _SECOND)
        self._bound = int(sample * 2**64)
        self._refill_at = 0
        self._sampled_left = self._failed_left = 0

    @contextmanager
    def following(self, ctx: Context, door: str) -> Iterator[None]:
        """A trail around what came through no door that leaves one."""
        ctx.trail = trail = Trail(door, trace_id_of(ctx.request_id))
        TRAIL.set(trail)
        try:
            yield
        finally:
            self.end(trail)
            TRAIL.set(None)

    def end(self, trail: Trail) -> None:
        """A trail is at its end: it is logged, kept and exported as it deserves."""
        now = trail.ended = perf_counter_ns()
        if now - trail.began >= self._slow:
            trail.slow = True
            _log_slow(trail)
        notable = trail.slow or trail.failed
        if not (notable or trail.operation):
            return  # a page, or a look at the server's health
        if self.recorder is not None and (notable or self.recorder.wants_more()):
            self.recorder.add(trail)
        if self.exporter is not None and (notable or self.is_sampled(trail)):
            self._export(self.exporter, trail, notable, now)

    def is_sampled(self, trail: Trail) -> bool:
        """What whoever called decided, or chance: the trace id's, so that all who see it choose alike."""
        if trail.sampled is None:
            trail.sampled = int(trail.trace_id[16:], 16) < self._bound
        return trail.sampled

    def traceparent(self, trail: Trail) -> str:
        """The trail as whoever goes on with it is told of it (W3C Trace Context)."""
        sampled = self.exporter is not None and self.is_sampled(trail)
        return f"00-{trail.trace_id}-{trail.own_span_id()}-{'01' if sampled else '00'}"

    async def measures(self) -> list[Measure]:
        if self.exporter is None:
            return []
        about = "Traces that were not exported, for there were too many at once."
        return [Counter("septet.traces.dropped", about, [({}, self.dropped_traces)])]

    def _export(self, exporter: Exporter, trail: Trail, notable: bool, now: int) -> None:
        if now >= self._refill_at:
            self._refill_at = now + _SECOND
            self._sampled_left, self._failed_left = SAMPLED_A_SECOND, FAILED_A_SECOND
        if notable:
            self._failed_left -= 1
        else:
            self._sampled_left -= 1
        if (self._failed_left if notable else self._sampled_left) < 0:
            self.dropped_traces += 1
            return
        try:
            exporter.export(trail)
        except Exception:
            self.dropped_traces += 1
            log.exception("a trace could not be exported")


def add_trace_id(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the trace in every log line that is written on the way: a processor for structlog."""
    trail = TRAIL.get()
    if trail is not None:
        event.setdefault("trace_id", trail.trace_id)
    return event


def _log_slow(trail: Trail) -> None:
    """One line that tells where the time went."""
    of_http = {"method": trail.method, "route": trail.route, "status": trail.status} if trail.method else {}
    log.warning(
        "slow",
        operation=trail.operation,
        door=trail.door,
        **of_http,
        problem=trail.problem or None,
        ms=trail.ms,
        steps=trail.ms_by_step(),
        queries={total.name: {"count": total.count, "ms": total.ms} for total in trail.query_totals()},
        trace_id=trail.trace_id,
        actor=str(trail.account) if trail.account else None,
    )
