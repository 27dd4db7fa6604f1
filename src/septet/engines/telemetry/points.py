"""Our measures as OpenTelemetry's metrics: the very numbers that `/metrics` shows, and counted no second time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from opentelemetry.sdk.metrics import export
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource

from septet.core.measures import Counter, Histogram, Labels, Measure, Spread
from septet.engines.telemetry.spans import SCOPE

_SINCE_START = AggregationTemporality.CUMULATIVE


class Points:
    """Makes metrics of a process that began to count when this was made."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._since = time.time_ns()

    def of(self, measures: Sequence[Measure]) -> MetricsData:
        now = time.time_ns()
        metrics = [self._metric(measure, now) for measure in measures if measure.samples]
        scope = ScopeMetrics(SCOPE, metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _metric(self, measure: Measure, now: int) -> Metric:
        data: export.DataT
        if isinstance(measure, Histogram):
            spreads = [self._spread(labels, spread, measure.edges, now) for labels, spread in measure.samples]
            data = export.Histogram(spreads, _SINCE_START)
        elif isinstance(measure, Counter):
            data = export.Sum(self._numbers(measure.samples, now), _SINCE_START, is_monotonic=True)
        else:
            data = export.Gauge(self._numbers(measure.samples, now))
        return Metric(measure.name, measure.about, measure.unit, data)

    def _numbers(self, samples: Sequence[tuple[Labels, float]], now: int) -> list[NumberDataPoint]:
        return [NumberDataPoint(dict(labels), self._since, now, value) for labels, value in samples]

    def _spread(self, labels: Labels, spread: Spread, edges: Sequence[float], now: int) -> HistogramDataPoint:
        return HistogramDataPoint(
            dict(labels),
            self._since,
            now,
            count=sum(spread.counts),
            sum=spread.total,
            bucket_counts=spread.counts,
            explicit_bounds=edges,
            min=None,  # type: ignore[arg-type]  # nobody remembers the least and the most: they are left out
            max=None,  # type: ignore[arg-type]
        )
