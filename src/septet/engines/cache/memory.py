"""A cache in the process's own memory: the values used last, up to a number of bytes.

It cannot hear what other processes invalidate, and there can always be one: a worker, or somebody at the command
line. So it keeps nothing for longer than a second, whatever an operation asks for.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from septet.core.cache import Looked

LONGEST = 1.0  # seconds
_OVERHEAD = 300  # bytes, roughly, that an entry takes beside its value
_LARGEST_SHARE = 0.1  # of the cache, for one value
_MOST_TAGS = 100_000


class _Entry(Struct):
    stamp: bytes | int
    until: float
    value: bytes


class MemoryCache:
    """Stamps are numbers that only rise, so the largest of several tags tells whether any of them changed."""

    def __init__(self, most_bytes: int, ticks: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._ticks = ticks
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._stamps: dict[str, int] = {}
        self._last_stamp = 0
        self._oldest_stamp = 0  # of every tag that is not listed
        self.bytes = 0

    async def look(self, key: bytes, tags: Sequence[str]) -> Looked:
        oldest = self._oldest_stamp
        stamp = max((self._stamps.get(tag, oldest) for tag in tags), default=oldest)
        entry = self._entries.get(key)
        if entry is None:
            return Looked(None, stamp)
        if entry.stamp != stamp or entry.until <= self._ticks():
            self._drop(key)
            return Looked(None, stamp)
        self._entries.move_to_end(key)
        return Looked(entry.value, stamp)

    async def keep(self, key: bytes, stamp: bytes | int, value: bytes, *, seconds: float, cost: float) -> None:
        if key in self._entries:
            self._drop(key)
        if len(value) > self._most_bytes * _LARGEST_SHARE:
            return
        self._entries[key] = _Entry(stamp, self._ticks() + min(seconds, LONGEST - cost), value)
        self.bytes += len(value) + _OVERHEAD
        while self.bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    async def invalidate(self, tags: Iterable[str]) -> None:
        self._last_stamp += 1
        self._stamps.update(dict.fromkeys(tags, self._last_stamp))
        if len(self._stamps) > _MOST_TAGS:  # forget them all: no value that is there now can be found any more
            self._stamps.clear()
            self._oldest_stamp = self._last_stamp

    def _drop(self, key: bytes) -> None:
        self.bytes -= len(self._entries.pop(key).value) + _OVERHEAD
