"""Realtime: what is broadcast to a channel, once the change behind it is durable.

A broker numbers the publications of each channel by an offset, within an epoch: a word that changes when the numbers
begin anew, as after a restart (Centrifugo's terms). It keeps the latest for a while, so whoever was away asks for what
came after the position they know, and is told plainly if that cannot be had any more.

    ctx.broadcast(f"room:{room.id}", message)              # in an operation: after its commit, or never

    async with await broker.subscribe("room:1", since) as subscription:
        if not subscription.recovered: ...                  # something was missed: read it all again
        async for publication in subscription: ...
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from msgspec import Raw, Struct


class Position(Struct, frozen=True):
    """A place in a channel: after the publication with this offset. Offsets begin with 1."""

    epoch: str
    offset: int


class Publication(Struct, frozen=True):
    """What was broadcast, as JSON. The next one of its channel has the next offset."""

    offset: int
    data: Raw


class FellBehind(Exception):
    """A subscriber was too slow: what it has not taken yet is not kept any more. It may subscribe again from where
    it is, and is then told that something was missed."""


class Subscription(Protocol):
    """The publications of a channel from `start` on, in their order and without a gap, until it is closed.

    Iterating raises FellBehind where going on would leave a gap. A subscriber that takes nothing costs no memory.
    """

    start: Position
    recovered: bool  # nothing was missed between the position that was asked for and `start`

    def __aiter__(self) -> Subscription: ...

    async def __anext__(self) -> Publication: ...

    async def __aenter__(self) -> Subscription: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    async def close(self) -> None:
        """End it: whoever waits for the next publication is told that there is none."""
        ...


class Broker(Protocol):
    """Carries publications from those who broadcast to those who subscribed."""

    def publish(self, channel: str, data: Raw) -> None:
        """Number `data` and hand it to the channel's subscribers. Does not wait, and never fails its caller.

        What one process publishes to a channel is numbered in the order of these calls.
        """
        ...

    async def position(self, channel: str) -> Position:
        """Where the channel stands now. Asked for before a read, it tells from where on to subscribe after it."""
        ...

    async def subscribe(self, channel: str, since: Position | None = None) -> Subscription:
        """What comes after `since`; without it, what comes from now on."""
        ...
