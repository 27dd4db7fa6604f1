"""A broker within one process.

A subscriber has no queue of its own: it reads on in the history of its channel. So a slow one holds nothing back, and
all memory is that of the histories, which are bounded in number, age and bytes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from types import TracebackType

from msgspec import Raw, Struct

from septet.core.realtime import FellBehind, Position, Publication

LONGEST_HISTORY = 256  # publications a channel
LONGEST_AGE = 300.0  # seconds
MOST_BYTES = 64 << 20  # of all channels
_OVERHEAD = 200  # bytes, roughly, that a publication takes beside its data
_EMPTY_CHANNEL = 600  # and a channel without any


class _Kept(Struct, frozen=True):
    publication: Publication
    at: float
    bytes: int


class _Channel:
    """A history, and who waits for it to grow. `offset` is that of the last publication."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.offset = 0
        self.history: deque[_Kept] = deque()
        self.touched = 0.0
        self.subscribers = 0
        self.grown = asyncio.Event()


class MemoryBroker:
    """`ticks` gives seconds that never run backwards."""

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        history: int = LONGEST_HISTORY,
        age: float = LONGEST_AGE,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._longest_history = history
        self._longest_age = age
        self._ticks = ticks
        self._channels: OrderedDict[str, _Channel] = OrderedDict()  # the one published to last is at the end
        self.bytes = 0

    def publish(self, channel: str, data: Raw) -> None:
        into = self._open(channel)
        into.offset += 1
        kept = _Kept(Publication(into.offset, data.copy()), into.touched, len(memoryview(data)) + _OVERHEAD)
        into.history.append(kept)
        self.bytes += kept.bytes
        if len(into.history) > self._longest_history:
            self._drop_first(into)
        self._forget()
        into.grown.set()
        into.grown = asyncio.Event()

    async def position(self, channel: str) -> Position:
        at = self._open(channel)
        return Position(at.epoch, at.offset)

    async def subscribe(self, channel: str, since: Position | None = None) -> MemorySubscription:
        at = self._open(channel)
        newest = Position(at.epoch, at.offset)
        if since is None:
            return MemorySubscription(at, newest, True)
        reaches = since.epoch == at.epoch and at.offset - len(at.history) <= since.offset <= at.offset
        return MemorySubscription(at, since if reaches else newest, reaches)

    def _open(self, name: str) -> _Channel:
        """The channel, without what is too old in it. It is now the one used last."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
            self.bytes += _EMPTY_CHANNEL
        self._channels.move_to_end(name)
        channel.touched = self._ticks()
        while channel.history and channel.history[0].at <= channel.touched - self._longest_age:
            self._drop_first(channel)
        return channel

    def _forget(self) -> None:
        """Let go of the channels used longest ago: those that were not for long, and as many as are too much."""
        oldest = self._ticks() - self._longest_age
        for _ in range(len(self._channels)):
            name, channel = next(iter(self._channels.items()))
            if channel.touched > oldest and self.bytes <= self._most_bytes:
                return
            while channel.history:
                self._drop_first(channel)
            if channel.subscribers:  # it goes on, and is looked at again when it has been quiet for as long
                channel.touched = oldest + self._longest_age
                self._channels.move_to_end(name)
            else:
                del self._channels[name]
                self.bytes -= _EMPTY_CHANNEL

    def _drop_first(self, channel: _Channel) -> None:
        self.bytes -= channel.history.popleft().bytes


class MemorySubscription:
    """Reads on in the history of a channel."""

    def __init__(self, channel: _Channel, start: Position, recovered: bool) -> None:
        self.start = start
        self.recovered = recovered
        self._channel = channel
        self._offset = start.offset
        self._closed = False
        channel.subscribers += 1

    def __aiter__(self) -> MemorySubscription:
        return self

    async def __anext__(self) -> Publication:
        channel = self._channel
        while self._offset == channel.offset and not self._closed:
            await channel.grown.wait()
        if self._closed:
            raise StopAsyncIteration
        index = self._offset - (channel.offset - len(channel.history))
        if index < 0:
            raise FellBehind(f"publication {self._offset + 1} is not kept any more")
        self._offset += 1
        return channel.history[index].publication

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._channel.subscribers -= 1
            self._channel.grown.set()
            self._channel.grown = asyncio.Event()

    async def __aenter__(self) -> MemorySubscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
