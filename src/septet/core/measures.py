"""Numbers about this process, as whoever watches it wants them: gathered from all who count, when they are asked for.

`/metrics` shows them to Prometheus and `engines/telemetry` sends them over OTLP, so that both tell the same.
Names and units are OpenTelemetry's way: `septet.http.request.duration`, in `s`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from septet.core.database import Database

Labels = Mapping[str, str]


class Gauge(Struct, frozen=True):
    """What there is now."""

    name: str
    about: str
    samples: Sequence[tuple[Labels, float]]
    unit: str = ""


class Counter(Struct, frozen=True):
    """What has happened since this process began."""

    name: str
    about: str
    samples: Sequence[tuple[Labels, float]]
    unit: str = ""


class Spread(Struct, frozen=True):
    """How many values lie up to each edge and beyond the one before it; one count more is of those beyond the last."""

    counts: Sequence[int]
    total: float


class Histogram(Struct, frozen=True):
    name: str
    about: str
    edges: Sequence[float]
    samples: Sequence[tuple[Labels, Spread]]
    unit: str = ""


Measure = Gauge | Counter | Histogram
Source = Callable[[], Awaitable[Sequence[Measure]]]


class Measures:
    """All who count something in this process."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: Source) -> None:
        self._sources.append(source)

    async def read(self) -> list[Measure]:
        return [measure for source in self._sources for measure in await source()]


def measures_of(database: Database) -> Source:
    """What is going on in the database's engine, as a source."""

    async def measures() -> list[Measure]:
        samples = [({"what": what}, count) for what, count in database.gauges().items()]
        return [Gauge("septet.database", "What is going on in the database's engine in this process.", samples)]

    return measures
