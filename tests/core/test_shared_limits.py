"""Processes that share their limits: what one lets through, the others count."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from septet.core.errors import Unavailable
from septet.core.limits import Limit, per_minute
from septet.core.sharing import LARGEST_DEBT, NEAR, Backlog, SharedLimits, Sharing, Spent
from support.entering import run_test


class Ticks:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """What the real ones do, in few lines: the truth that they are tested against, too."""

    def __init__(self, ticks: Ticks) -> None:
        self.ticks = ticks
        self.arrivals: dict[bytes, float] = {}
        self.near: dict[bytes, float] = {}
        self.is_down = False

    async def exchange(self, spent: Sequence[Spent]) -> list[Backlog]:
        self._refuse()
        now = self.ticks.now
        for one in spent:
            arrival = max(self.arrivals.get(one.name, now), now) + one.seconds
            self.arrivals[one.name] = arrival = min(arrival, now + LARGEST_DEBT * one.window)
            if arrival - now >= NEAR * one.window:
                self.near[one.name] = arrival
        told = {**self.near, **{one.name: self.arrivals[one.name] for one in spent}}
        return [Backlog(name, arrival - now) for name, arrival in told.items() if arrival > now]

    async def spend(self, spent: Spent) -> tuple[bool, float]:
        self._refuse()
        now = self.ticks.now
        before = max(self.arrivals.get(spent.name, now), now)
        if before + spent.seconds > now + spent.window + 1e-9:
            return False, before - now
        self.arrivals[spent.name] = before + spent.seconds
        return True, before + spent.seconds - now

    def _refuse(self) -> None:
        if self.is_down:
            raise Unavailable("down")


class Process:
    def __init__(self, store: Store, sweep_at: int = 100_000) -> None:
        self.limits = SharedLimits(store.ticks, b"k" * 32, sweep_at=sweep_at)
        self.sharing = Sharing(self.limits, store)

    def spend(self, limit: Limit, count: int = 1, who: str = "ann") -> int:
        """How many of `count` calls are let through."""
        return sum(self.limits.spend(limit, "post", who).allowed for _ in range(count))

    async def confirm(self, limit: Limit, who: str = "ann") -> bool:
        here = self.limits.spend(limit, "post", who)
        return here.allowed and (await self.sharing.confirm(limit, "post", who, here)).allowed


async def test_what_one_let_through_the_other_counts() -> None:
    store = Store(Ticks())
    one, two = Process(store), Process(store)
    assert one.spend(per_minute(10), 6) == 6
    await one.sharing.exchange()
    await two.sharing.exchange()
    assert two.spend(per_minute(10), 10) == 4


async def test_a_process_that_starts_knows_who_is_near_a_limit() -> None:
    store = Store(Ticks())
    one = Process(store)
    one.spend(per_minute(10), 10)
    await one.sharing.exchange()
    late = Process(store)
    await late.sharing.exchange()
    assert late.spend(per_minute(10)) == 0


async def test_what_slipped_through_meanwhile_is_paid_back() -> None:
    ticks = Ticks()
    store = Store(ticks)
    one, two = Process(store), Process(store)
    assert one.spend(per_minute(10), 20) + two.spend(per_minute(10), 20) == 20  # before either heard of the other
    for process in (one, two, one):
        await process.sharing.exchange()
    ticks.now += 60
    assert one.spend(per_minute(10)) == two.spend(per_minute(10)) == 0  # twice the quota takes two windows
    ticks.now += 60
    assert one.spend(per_minute(10), 20) == 10


async def test_little_is_not_worth_telling_until_it_adds_up() -> None:
    store = Store(Ticks())
    one = Process(store)
    one.spend(per_minute(100), 5)
    await one.sharing.exchange()
    assert store.arrivals == {}
    one.spend(per_minute(100), 5)
    await one.sharing.exchange()
    assert [round(arrival - 1000, 6) for arrival in store.arrivals.values()] == [6.0]


async def test_what_has_drained_is_not_told() -> None:
    ticks = Ticks()
    store = Store(ticks)
    one = Process(store)
    for _ in range(1000):  # ten minutes at a steady tenth of what is allowed
        one.spend(per_minute(1000))
        ticks.now += 0.6
        await one.sharing.exchange()
    assert store.arrivals == {}
    assert one.limits._untold == {}


async def test_while_the_store_is_down_each_counts_by_itself_and_then_tells_all() -> None:
    store = Store(Ticks())
    one, two = Process(store), Process(store)
    store.is_down = True
    assert one.spend(per_minute(10), 4) == 4
    assert not await one.sharing.exchange()
    assert one.spend(per_minute(10), 2) == 2
    assert await one.confirm(per_minute(10))
    assert not await one.sharing.exchange()
    store.is_down = False
    assert await one.sharing.exchange()
    await two.sharing.exchange()
    assert two.spend(per_minute(10), 10) == 3
    assert one.spend(per_minute(10), 10) == 3


async def test_an_outage_locks_nobody_out_for_longer_than_one_more_window() -> None:
    ticks = Ticks()
    store = Store(ticks)
    processes = [Process(store) for _ in range(5)]
    store.is_down = True
    for _ in range(600):
        ticks.now += 1
        for process in processes:
            process.spend(per_minute(10), 10)
            await process.sharing.exchange()
    store.is_down = False
    for process in processes:
        await process.sharing.exchange()
    ticks.now += LARGEST_DEBT * 60
    assert processes[0].spend(per_minute(10), 20) == 10


async def test_asked_for_each_it_is_exact_across_processes() -> None:
    store = Store(Ticks())
    processes = [Process(store) for _ in range(8)]
    allowed = [await process.confirm(per_minute(10)) for _ in range(10) for process in processes]
    assert sum(allowed) == 10


async def test_a_refusal_by_the_store_says_when_to_come_back_and_is_remembered() -> None:
    store = Store(Ticks())
    one, two = Process(store), Process(store)
    for _ in range(10):
        assert await one.confirm(per_minute(10))
    here = two.limits.spend(per_minute(10), "post", "ann")
    standing = await two.sharing.confirm(per_minute(10), "post", "ann", here)
    assert (standing.allowed, standing.remaining, round(standing.reset, 6)) == (False, 0, 6.0)
    assert two.spend(per_minute(10)) == 0
    assert two.limits._untold == {}


async def test_who_is_limited_is_hidden_from_the_store() -> None:
    store = Store(Ticks())
    one = Process(store)
    one.spend(per_minute(1), who="198.51.100.7")
    await one.sharing.exchange()
    (name,) = store.arrivals
    assert b"198.51.100.7" not in name
    other_key = SharedLimits(store.ticks, b"x" * 32)
    other_key.spend(per_minute(1), "post", "198.51.100.7")
    assert [spent.name for spent in other_key.take_untold()] != [name]


async def test_callers_that_went_away_are_forgotten() -> None:
    ticks = Ticks()
    one = Process(Store(ticks), sweep_at=100)
    for number in range(100):
        one.spend(per_minute(1), who=str(number))
    ticks.now += 61
    one.spend(per_minute(1), who="one more")
    for held in (one.limits._arrivals, one.limits._names, one.limits._keys, one.limits._untold):
        assert len(held) == 1


@given(
    calls=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 0.2)), min_size=1, max_size=150),
    quota=st.integers(1, 20),
)
def test_in_the_long_run_all_processes_together_keep_the_rate(calls: list[tuple[int, float]], quota: int) -> None:
    """What can slip through is at most what each process lets through between two exchanges, once."""

    async def spend_everywhere() -> None:
        ticks = Ticks()
        store = Store(ticks)
        processes = [Process(store) for _ in range(3)]
        limit = Limit(quota, 5.0)
        allowed, exchanged = 0, ticks.now
        for which, wait in calls * 4:
            ticks.now += wait
            allowed += processes[which].spend(limit)
            if ticks.now - exchanged >= 0.25:
                exchanged = ticks.now
                for process in processes * 2:
                    await process.sharing.exchange()
        elapsed = ticks.now - 1000.0
        assert allowed <= 3 * quota + elapsed * quota / limit.window + 1

    run_test(spend_everywhere, {})
