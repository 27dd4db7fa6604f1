"""Counts of requests, in plain dictionaries, shown to Prometheus when it asks.

They are of this process alone: with several workers, a scrape meets one of them, and `septet_process` tells which.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from septet import __version__
from septet.doors.routing import Endpoint

# Upper edges in seconds.
EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Tally:
    """Requests of one endpoint that ended in one class of status."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES) + 1)
        self.seconds = 0.0


class Metrics(Collector):
    """Counts requests by operation and class of status."""

    def __init__(self) -> None:
        self._endpoints: set[Endpoint] = set()
        self.running = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def count(self, endpoint: Endpoint, status: int, seconds: float) -> None:
        tally = endpoint.tally.get(status // 100)
        if tally is None:
            tally = endpoint.tally[status // 100] = Tally()
            self._endpoints.add(endpoint)
        tally.counts[bisect_left(EDGES, seconds)] += 1
        tally.seconds += seconds

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        requests = HistogramMetricFamily(
            "septet_http_request_duration_seconds",
            "Time to answer a request, by operation and class of status, in this process.",
            labels=["operation", "status"],
        )
        for endpoint in self._endpoints:
            for status, tally in endpoint.tally.items():
                requests.add_metric([endpoint.name, f"{status}xx"], list(_cumulative(tally)), tally.seconds)
        yield requests
        running = GaugeMetricFamily("septet_http_requests_running", "Requests being answered by this process.")
        running.add_metric([], self.running)
        yield running
        about = GaugeMetricFamily(
            "septet_process", "Always 1; tells which process of the server was asked.", labels=["version", "pid"]
        )
        about.add_metric([__version__, str(os.getpid())], 1)
        yield about


def _cumulative(tally: Tally) -> Iterator[tuple[str, float]]:
    """Each edge with how many requests took at most so long, as Prometheus wants it."""
    total = 0
    for edge, count in zip((*map(str, EDGES), "+Inf"), tally.counts, strict=True):
        total += count
        yield edge, total
