"""The measures of this process in Prometheus's text format.

They are of this process alone, but for the tasks: with several workers, a scrape meets one of them, and
`septet_process` tells which. Imported when metrics are first asked for: prometheus-client takes its time to load.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from septet import __version__
from septet.core.measures import Counter, Histogram, Labels, Measure, Spread

_UNITS = {"": "", "s": "_seconds"}


class Exposition(Collector):
    def __init__(self) -> None:
        self._measures: Sequence[Measure] = ()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self, measures: Sequence[Measure]) -> bytes:
        self._measures = measures
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        yield from map(_family_of, self._measures)
        about = GaugeMetricFamily(
            "septet_process", "Always 1; tells which process of the server was asked.", labels=["version", "pid"]
        )
        about.add_metric([__version__, str(os.getpid())], 1)
        yield about


def _family_of(measure: Measure) -> Metric:
    """`septet.http.request.duration` in `s` becomes `septet_http_request_duration_seconds`."""
    name = measure.name.replace(".", "_") + _UNITS[measure.unit]
    labels = _labels_of(measure.samples)
    if isinstance(measure, Histogram):
        histogram = HistogramMetricFamily(name, measure.about, labels=labels)
        for of, spread in measure.samples:
            buckets = list(_cumulative(measure.edges, spread))
            histogram.add_metric([of[label] for label in labels], buckets, spread.total)
        return histogram
    family = (CounterMetricFamily if isinstance(measure, Counter) else GaugeMetricFamily)(
        name, measure.about, labels=labels
    )
    for of, value in measure.samples:
        family.add_metric([of[label] for label in labels], value)
    return family


def _labels_of(samples: Sequence[tuple[Labels, object]]) -> list[str]:
    return list(samples[0][0]) if samples else []


def _cumulative(edges: Sequence[float], spread: Spread) -> Iterator[tuple[str, float]]:
    """Each edge with how many values lie up to it."""
    total = 0
    for edge, count in zip((*map(str, edges), "+Inf"), spread.counts, strict=True):
        total += count
        yield edge, total
