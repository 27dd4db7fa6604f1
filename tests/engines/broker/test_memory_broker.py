"""The broker in process: nothing twice, nothing left out without being told, and bounded memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from septet.core.realtime import FellBehind, Position
from septet.engines.broker.memory import MemoryBroker
from support.entering import run_test


class Ticks:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def data(number: int) -> Raw:
    return Raw(str(number).encode())


async def take(subscription: object, count: int) -> list[tuple[int, int]]:
    """The next publications: their offsets, and the numbers in them."""
    found = [await anext(subscription) for _ in range(count)]  # type: ignore[call-overload]
    return [(one.offset, int(bytes(one.data))) for one in found]


async def test_a_subscriber_gets_what_comes_from_now_on_in_order() -> None:
    broker = MemoryBroker()
    broker.publish("room", data(1))
    async with await broker.subscribe("room") as subscription:
        assert subscription.recovered
        assert subscription.start.offset == 1
        broker.publish("room", data(2))
        broker.publish("other", data(9))
        broker.publish("room", data(3))
        assert await take(subscription, 2) == [(2, 2), (3, 3)]


async def test_a_subscriber_waits_for_what_is_not_there_yet() -> None:
    broker = MemoryBroker()
    async with await broker.subscribe("room") as subscription:
        waiting = asyncio.create_task(take(subscription, 1))
        await asyncio.sleep(0)
        broker.publish("room", data(1))
        assert await waiting == [(1, 1)]


async def test_who_was_away_gets_what_was_missed() -> None:
    broker = MemoryBroker()
    before = await broker.position("room")
    for number in (1, 2, 3):
        broker.publish("room", data(number))
    async with await broker.subscribe("room", Position(before.epoch, 1)) as subscription:
        assert subscription.recovered
        assert await take(subscription, 2) == [(2, 2), (3, 3)]


async def test_who_was_away_for_too_long_is_told() -> None:
    broker = MemoryBroker(history=2)
    before = await broker.position("room")
    for number in (1, 2, 3):
        broker.publish("room", data(number))
    async with await broker.subscribe("room", before) as subscription:
        assert not subscription.recovered
        assert subscription.start == Position(before.epoch, 3)
        broker.publish("room", data(4))
        assert await take(subscription, 1) == [(4, 4)]
    async with await broker.subscribe("room", Position(before.epoch, 2)) as subscription:
        assert subscription.recovered


@pytest.mark.parametrize("offset", [0, 1, 99])
async def test_a_position_of_another_epoch_or_of_the_future_cannot_be_recovered(offset: int) -> None:
    broker = MemoryBroker()
    broker.publish("room", data(1))
    now = await broker.position("room")
    since = Position(now.epoch if offset == 99 else "another", offset)
    async with await broker.subscribe("room", since) as subscription:
        assert not subscription.recovered
        assert subscription.start == now


async def test_age_ends_what_can_be_recovered_and_then_the_epoch() -> None:
    ticks = Ticks()
    broker = MemoryBroker(age=60, ticks=ticks)
    before = await broker.position("room")
    broker.publish("room", data(1))
    ticks.now += 61
    async with await broker.subscribe("room", before) as subscription:
        assert not subscription.recovered
        assert subscription.start == Position(before.epoch, 1)
    ticks.now += 61
    broker.publish("other", data(1))
    assert (await broker.position("room")).epoch != before.epoch


async def test_a_slow_subscriber_is_told_and_holds_nothing_back() -> None:
    broker = MemoryBroker(history=3)
    async with await broker.subscribe("room") as slow, await broker.subscribe("room") as quick:
        for number in range(1, 11):
            broker.publish("room", data(number))
            assert await take(quick, 1) == [(number, number)]
        with pytest.raises(FellBehind):
            await anext(slow)
    assert broker.bytes < 2000


async def test_closing_ends_who_waits() -> None:
    broker = MemoryBroker()
    subscription = await broker.subscribe("room")

    async def all_of_it() -> list[int]:
        return [publication.offset async for publication in subscription]

    waiting = asyncio.create_task(all_of_it())
    await asyncio.sleep(0)
    await subscription.close()
    assert await waiting == []


async def test_memory_is_bounded_by_letting_the_channels_used_longest_ago_go() -> None:
    broker = MemoryBroker(most_bytes=100_000)
    async with await broker.subscribe("followed") as subscription:
        broker.publish("followed", data(1))
        for number in range(1000):
            broker.publish(f"room {number}", Raw(b"x" * 1000))
        assert broker.bytes <= 100_000
        assert (await broker.position("room 999")).offset == 1
        assert (await broker.position("room 0")).offset == 0
        with pytest.raises(FellBehind):
            await anext(subscription)
        since = await broker.position("followed")
        assert since.offset == 1  # its numbers go on
    for number in range(1000):
        broker.publish(f"room {number}", Raw(b"x" * 1000))
    assert (await broker.position("followed")).epoch != since.epoch


class Moved(OrderedDict[str, Any]):
    """Counts how often a channel was looked at."""

    moves = 0

    def move_to_end(self, key: str, last: bool = True) -> None:
        self.moves += 1
        super().move_to_end(key, last)


async def test_quiet_channels_that_are_followed_do_not_slow_every_publication_down() -> None:
    ticks = Ticks()
    broker = MemoryBroker(age=60, ticks=ticks)
    broker._channels = channels = Moved()
    for number in range(100):
        await broker.subscribe(f"quiet {number}")
    ticks.now += 61
    before = channels.moves
    for number in range(100):
        broker.publish("room", data(number))
    assert channels.moves - before <= 200  # each publication's own channel, and each quiet one once


@given(steps=st.lists(st.sampled_from(["publish", "take", "return"]), max_size=60), history=st.integers(1, 5))
def test_a_subscriber_who_comes_back_gets_each_once_or_is_told(steps: list[str], history: int) -> None:
    async def follow() -> None:
        broker = MemoryBroker(history=history)
        subscription = await broker.subscribe("room")
        at, published = subscription.start, 0
        for step in steps:
            if step == "publish":
                published += 1
                broker.publish("room", data(published))
            elif step == "return":
                await subscription.close()
                subscription = await broker.subscribe("room", at)
                assert subscription.recovered == (published - at.offset <= history)
                at = subscription.start
            elif at.offset < published:
                if published - at.offset > history:
                    with pytest.raises(FellBehind):
                        await anext(subscription)
                else:
                    assert await take(subscription, 1) == [(at.offset + 1, at.offset + 1)]
                    at = Position(at.epoch, at.offset + 1)

    run_test(follow, {})
