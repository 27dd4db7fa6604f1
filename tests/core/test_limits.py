"""GCRA: a burst of the quota, then the steady rate, and never more than the quota in any window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from septet.core.limits import Limit, Limits, per_minute


class Ticks:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_up_to_the_quota_passes_and_the_next_call_is_told_when_to_come_back() -> None:
    limits = Limits(Ticks())
    standings = [limits.spend(per_minute(3), "post", "ann") for _ in range(4)]
    assert [(s.allowed, s.remaining) for s in standings] == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert standings[3].reset == 20.0


def test_a_refused_call_costs_nothing() -> None:
    ticks = Ticks()
    limits = Limits(ticks)
    for _ in range(10):
        limits.spend(per_minute(3), "post", "ann")
    ticks.now += 20
    assert limits.spend(per_minute(3), "post", "ann").allowed


def test_callers_operations_and_policies_are_told_apart() -> None:
    limits = Limits(Ticks())
    once = per_minute(1)
    assert limits.spend(once, "post", "ann").allowed
    assert limits.spend(once, "post", "ben").allowed
    assert limits.spend(once, "like", "ann").allowed
    assert limits.spend(Limit(1, 60.0, name="other"), "post", "ann").allowed
    assert not limits.spend(once, "post", "ann").allowed


@given(
    quota=st.integers(1, 20),
    window=st.floats(0.5, 1000),
    waits=st.lists(st.floats(0, 100), min_size=1, max_size=200),
)
def test_no_window_holds_more_than_twice_the_quota_and_the_long_run_keeps_the_rate(
    quota: int, window: float, waits: list[float]
) -> None:
    ticks = Ticks()
    limits = Limits(ticks)
    limit = Limit(quota, window)
    passed = []
    for wait in waits:
        ticks.now += wait
        if limits.spend(limit, "post", "ann").allowed:
            passed.append(ticks.now)
    for start in passed:
        inside = sum(start <= moment <= start + window for moment in passed)
        assert inside <= 2 * quota  # a burst, and what became free while the window ran
    elapsed = ticks.now - passed[0]
    assert len(passed) <= quota * (1 + elapsed / window) + 1e-6


def test_callers_that_went_away_are_forgotten() -> None:
    ticks = Ticks()
    limits = Limits(ticks, sweep_at=100)
    for caller in range(100):
        limits.spend(per_minute(1), "post", str(caller))
    ticks.now += 61
    limits.spend(per_minute(1), "post", "one more")
    assert len(limits._arrivals) == 1
