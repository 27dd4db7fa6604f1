"""Limits that processes share, without waiting for each other.

Each process decides at once, from the arrival times it knows. Four times a second it tells a store what was spent
here since, and hears where those callers stand in all, and who else is near a limit. So every process knows within
half a second what the others let through, and what was let through too much meanwhile is paid back: the store adds
up all of it.

Only backlogs travel, in seconds from now, so that clocks need not agree. A limit of which little is used is not
worth telling.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

import structlog
from msgspec import Struct

from septet.core import limit_queries
from septet.core.columns import to_microseconds
from septet.core.context import Context
from septet.core.errors import Unavailable
from septet.core.events import every
from septet.core.limits import Key, Limit, Limits, Standing

log = structlog.get_logger()

EXCHANGE_SECONDS = 0.25
WORTH_TELLING = 0.1  # of a limit's window that a caller has used up here
NEAR = 0.5  # of a limit's window used up in all: from here on, every process is told
LARGEST_DEBT = 2.0  # windows: however much was let through too much, a caller waits for one window more at most
MOST_AT_ONCE = 1000  # limits in one exchange; those that are nearest to their end go first
_NAME_BYTES = 16
_LONGEST_PAUSE = 2.0  # seconds between tries while the store does not answer
_LAST_WORDS = 1.0  # seconds for the exchange when a process ends


class Spent(Struct, frozen=True):
    """What one caller spent here of one limit: `seconds` of its `window`."""

    name: bytes
    seconds: float
    window: float


class Backlog(Struct, frozen=True):
    """Where a caller stands in all: after so many seconds they are as good as unknown."""

    name: bytes
    seconds: float


class LimitStore(Protocol):
    """Adds up what processes spent. Raises Unavailable when it cannot be reached."""

    async def exchange(self, spent: Sequence[Spent]) -> Iterable[Backlog]:
        """Add `spent`; gives those standings, and of the callers near a limit all that changed since the last time."""
        ...

    async def spend(self, spent: Spent) -> tuple[bool, float]:
        """Add `spent` unless that exceeds its window; whether it did not, and the backlog in seconds."""
        ...


class SharedLimits(Limits):
    """Limits that keep account of what was spent here since it was last told."""

    def __init__(self, clock: Callable[[], float], key: bytes, *, sweep_at: int = 100_000) -> None:
        """`key` hides who the callers are from whoever reads the store."""
        super().__init__(clock, sweep_at=sweep_at)
        self._hashing = key
        self._names: dict[Key, bytes] = {}
        self._keys: dict[bytes, Key] = {}
        self._untold: dict[Key, Spent] = {}
        self._heard: dict[bytes, float] = {}  # arrival times of callers that have not come here yet

    def spend(self, limit: Limit, operation: str, caller: str) -> Standing:
        key = (operation, limit.name, caller)
        name = self._names.get(key) or self._meet(key)
        standing = super().spend(limit, operation, caller)
        if standing.allowed:
            before = self._untold.get(key)
            seconds = limit.interval if before is None else before.seconds + limit.interval
            self._untold[key] = Spent(name, seconds, limit.window)
        return standing

    def take_untold(self) -> list[Spent]:
        """What is worth telling, the nearest to its end first. What is not stays, until it is or has drained away."""
        now = self._clock()
        found: list[tuple[float, float, Key]] = []
        drained: list[Key] = []
        for key, spent in self._untold.items():
            left = self._arrivals.get(key, now) - now
            if left <= 0:
                drained.append(key)
            elif left >= spent.window * WORTH_TELLING:
                found.append((left / spent.window, left, key))
        for key in drained:
            del self._untold[key]
        told = []
        for _, left, key in heapq.nlargest(MOST_AT_ONCE, found):
            spent = self._untold.pop(key)
            told.append(Spent(spent.name, min(spent.seconds, left), spent.window))
        return told

    def give_back(self, told: Iterable[Spent]) -> None:
        """What `take_untold` gave could not be told."""
        for spent in told:
            key = self._keys.get(spent.name)
            if key is not None:
                more = self._untold.get(key)
                seconds = spent.seconds + (more.seconds if more else 0.0)
                self._untold[key] = Spent(spent.name, min(seconds, spent.window), spent.window)

    def retract(self, limit: Limit, operation: str, caller: str) -> Spent:
        """The latest spending, which is told by itself and not with the others."""
        key = (operation, limit.name, caller)
        spent = self._untold.pop(key)
        rest = spent.seconds - limit.interval
        if rest > limit.interval / 2:  # it is a multiple of it
            self._untold[key] = Spent(spent.name, rest, spent.window)
        return Spent(spent.name, limit.interval, limit.window)

    def hear(self, backlogs: Iterable[Backlog]) -> None:
        """Take over where callers stand in all, with what was spent here that nobody was told of yet."""
        now = self._clock()
        for backlog in backlogs:
            key = self._keys.get(backlog.name)
            if key is None:
                self._heard[backlog.name] = now + backlog.seconds
                continue
            untold = self._untold.get(key)
            arrival = now + backlog.seconds + (untold.seconds if untold else 0.0)
            self._arrivals[key] = max(self._arrivals.get(key, 0.0), arrival)
        if len(self._heard) > self._sweep_at:
            self._heard = {name: arrival for name, arrival in self._heard.items() if arrival > now}

    def _meet(self, key: Key) -> bytes:
        """Name a limit that was not used here before, and take over what was heard of it."""
        name = hashlib.blake2b("\0".join(key).encode(), key=self._hashing, digest_size=_NAME_BYTES).digest()
        self._names[key] = name
        self._keys[name] = key
        heard = self._heard.pop(name, None)
        if heard is not None:
            self._arrivals[key] = max(self._arrivals.get(key, 0.0), heard)
        return name

    def _sweep(self, now: float) -> None:
        super()._sweep(now)
        self._untold = {key: spent for key, spent in self._untold.items() if key in self._arrivals}
        self._names = {key: name for key, name in self._names.items() if key in self._arrivals}
        self._keys = {name: key for key, name in self._names.items()}


class Sharing:
    """Exchanges with the store, from `start` to `stop`. While the store does not answer, this process counts alone."""

    def __init__(self, limits: SharedLimits, store: LimitStore) -> None:
        self._limits = limits
        self._store = store
        self._is_down = False
        self._exchanging: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hear of those near a limit before the first call, then exchange again and again."""
        await self._try_exchange()
        self._exchanging = asyncio.create_task(self._keep_exchanging())

    async def stop(self) -> None:
        """Tell the rest, so that what was spent here outlives this process."""
        if self._exchanging is not None:
            self._exchanging.cancel()
            with suppress(asyncio.CancelledError):
                await self._exchanging
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._try_exchange()

    async def exchange(self) -> bool:
        """Tell and hear; False if the store did not answer."""
        told = self._limits.take_untold()
        try:
            self._limits.hear(await self._store.exchange(told))
        except BaseException as error:
            self._limits.give_back(told)
            if not isinstance(error, Unavailable):
                raise
            self._note_failure(error)
            return False
        if self._is_down:
            self._is_down = False
            log.info("limits are shared again")
        return True

    async def confirm(self, limit: Limit, operation: str, caller: str, here: Standing) -> Standing:
        """The standing in all after a call that was allowed here; that here if the store does not answer."""
        spent = self._limits.retract(limit, operation, caller)
        try:
            allowed, seconds = await self._store.spend(spent)
        except BaseException as error:
            self._limits.give_back([spent])
            if not isinstance(error, Unavailable):
                raise
            self._note_failure(error)
            return here
        self._limits.hear([Backlog(spent.name, seconds)])
        if not allowed:
            return Standing(limit, False, 0, max(seconds + limit.interval - limit.window, 0.0))
        return Standing(limit, True, int((limit.window - seconds) / limit.interval + 1e-9), seconds)

    async def _keep_exchanging(self) -> None:
        pause = EXCHANGE_SECONDS
        while True:
            await asyncio.sleep(pause)
            answered = await self._try_exchange()
            pause = EXCHANGE_SECONDS if answered else min(2 * pause, _LONGEST_PAUSE)

    async def _try_exchange(self) -> bool:
        try:
            return await self.exchange()
        except Exception:
            log.exception("an exchange of limits failed and is tried again")
            return False

    def _note_failure(self, error: Unavailable) -> None:
        if not self._is_down:
            self._is_down = True
            log.warning("limits are not shared now: each process counts by itself", error=error.detail)


@every(timedelta(minutes=10))
async def forget_drained_limits(ctx: Context) -> None:
    """In the database, callers whose backlog has drained are as good as unknown."""
    await ctx.tx.run(limit_queries.forget_drained, now=to_microseconds(ctx.now))
