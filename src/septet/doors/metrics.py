"""Counts of requests, in plain lists, so that counting costs a request next to nothing.

They are read as all measures are: by `/metrics`, and to be sent over OTLP.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from septet.core.measures import Gauge, Histogram, Measure, Spread
from septet.doors.routing import Endpoint

# Upper edges in seconds.
EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Tally:
    """Requests of one endpoint that ended in one class of status: how many took how long, and how long in all."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES) + 1)
        self.seconds = 0.0


class Metrics:
    """Counts requests by operation and class of status. `running` are those being answered."""

    def __init__(self) -> None:
        self.running = 0
        self._endpoints: set[Endpoint] = set()

    def count(self, endpoint: Endpoint, status: int, seconds: float) -> None:
        tally = endpoint.tally.get(status // 100)
        if tally is None:
            tally = endpoint.tally[status // 100] = Tally()
            self._endpoints.add(endpoint)
        tally.counts[bisect_left(EDGES, seconds)] += 1
        tally.seconds += seconds

    async def measures(self) -> list[Measure]:
        """What was counted, for whoever watches."""
        spreads = [
            ({"operation": operation, "status": status}, Spread(tuple(tally.counts), tally.seconds))
            for operation, status, tally in self.tallies()
        ]
        about = "Time to answer a request, by operation and class of status, in this process."
        return [
            Histogram("septet.http.request.duration", about, EDGES, spreads, unit="s"),
            Gauge("septet.http.requests.running", "Requests being answered by this process.", [({}, self.running)]),
        ]

    def tallies(self) -> Iterator[tuple[str, str, Tally]]:
        """Each with its operation and its class of status, as in `2xx`."""
        for endpoint in self._endpoints:
            for status, tally in endpoint.tally.items():
                yield endpoint.name, f"{status}xx", tally
