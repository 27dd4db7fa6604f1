"""How often one caller may do a thing: GCRA, the generic cell rate algorithm (ITU-T I.371), kept in process.

It holds one moment a caller, the "theoretical arrival time": an idle caller may burst up to the quota,
a steady one gets the quota per window, and nothing resets at the full minute.

`core/sharing.py` makes processes share what each of them counts here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

By = Literal["actor", "address"]
Key = tuple[str, str, str]  # what is limited: operation, name of the limit, caller


class Limit(Struct, frozen=True):
    """`quota` calls a `window` of seconds for each caller; an anonymous one is told apart by address."""

    quota: int
    window: float
    by: By = "actor"
    name: str = "default"

    @property
    def interval(self) -> float:
        """Seconds that one call takes up."""
        return self.window / self.quota


def per_second(quota: int, *, by: By = "actor", name: str = "second") -> Limit:
    return Limit(quota, 1.0, by, name)


def per_minute(quota: int, *, by: By = "actor", name: str = "minute") -> Limit:
    return Limit(quota, 60.0, by, name)


def per_hour(quota: int, *, by: By = "actor", name: str = "hour") -> Limit:
    return Limit(quota, 3600.0, by, name)


def per_day(quota: int, *, by: By = "actor", name: str = "day") -> Limit:
    return Limit(quota, 86_400.0, by, name)


class Standing(Struct, frozen=True):
    """Where a caller stands after a call: what remains at once, and after how many seconds a call is free again."""

    limit: Limit
    allowed: bool
    remaining: int
    reset: float


class Limits:
    """The arrival times of one process. `clock` gives seconds that never run backwards.

    A caller whose arrival time has passed is as good as unknown, so such entries are swept away;
    what stays is bounded by the calls of the longest window.
    """

    def __init__(self, clock: Callable[[], float], *, sweep_at: int = 100_000) -> None:
        self._clock = clock
        self._arrivals: dict[Key, float] = {}
        self._sweep_at = self._smallest_sweep = sweep_at

    def spend(self, limit: Limit, operation: str, caller: str) -> Standing:
        """Count one call. One that is not allowed costs nothing."""
        now = self._clock()
        key = (operation, limit.name, caller)
        interval = limit.window / limit.quota
        arrival = max(self._arrivals.get(key, now), now) + interval
        backlog = arrival - now
        if backlog > limit.window + 1e-9:
            return Standing(limit, False, 0, backlog - limit.window)
        self._arrivals[key] = arrival
        if len(self._arrivals) > self._sweep_at:
            self._sweep(now)
        return Standing(limit, True, int((limit.window - backlog) / interval + 1e-9), backlog)

    def _sweep(self, now: float) -> None:
        self._arrivals = {key: arrival for key, arrival in self._arrivals.items() if arrival > now}
        self._sweep_at = max(self._smallest_sweep, 2 * len(self._arrivals))
