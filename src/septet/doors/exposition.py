"""The counts of this process in Prometheus's text format.

They are of this process alone: with several workers, a scrape meets one of them, and `septet_process` tells which.
Imported when metrics are first asked for: prometheus-client takes its time to load.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from septet import __version__
from septet.doors.metrics import EDGES, Metrics, Tally


class Exposition(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        requests = HistogramMetricFamily(
            "septet_http_request_duration_seconds",
            "Time to answer a request, by operation and class of status, in this process.",
            labels=["operation", "status"],
        )
        for operation, status, tally in self._metrics.tallies():
            requests.add_metric([operation, status], list(_cumulative(tally)), tally.seconds)
        yield requests
        running = GaugeMetricFamily("septet_http_requests_running", "Requests being answered by this process.")
        running.add_metric([], self._metrics.running)
        yield running
        about = GaugeMetricFamily(
            "septet_process", "Always 1; tells which process of the server was asked.", labels=["version", "pid"]
        )
        about.add_metric([__version__, str(os.getpid())], 1)
        yield about


def _cumulative(tally: Tally) -> Iterator[tuple[str, float]]:
    """Each edge with how many requests took at most so long."""
    total = 0
    for edge, count in zip((*map(str, EDGES), "+Inf"), tally.counts, strict=True):
        total += count
        yield edge, total
