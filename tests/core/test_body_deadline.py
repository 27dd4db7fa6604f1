"""A body may take its time, but no longer; and who is cancelled by somebody else is not told so."""

from __future__ import annotations

import asyncio

import pytest

from septet.core.body_deadline import BodyDeadline
from septet.core.http_problems import BodyTimeout


async def slowly(seconds: float) -> bytes:
    await asyncio.sleep(seconds)
    return b"done"


async def test_what_is_quick_enough_is_read() -> None:
    deadline = BodyDeadline(0.2)
    assert await asyncio.gather(*(deadline.read(slowly(n / 1000)) for n in range(20))) == [b"done"] * 20


async def test_what_is_too_slow_is_cut_off_and_the_others_are_not() -> None:
    deadline = BodyDeadline(0.08)
    slow, quick = await asyncio.gather(
        asyncio.create_task(deadline.read(slowly(5))),
        asyncio.create_task(deadline.read(slowly(0.01))),
        return_exceptions=True,
    )
    assert isinstance(slow, BodyTimeout)
    assert quick == b"done"


async def test_the_task_that_was_cut_off_goes_on() -> None:
    deadline = BodyDeadline(0.04)

    async def answer() -> str:
        with pytest.raises(BodyTimeout):
            await deadline.read(slowly(5))
        await asyncio.sleep(0)
        return "408"

    assert await asyncio.create_task(answer()) == "408"


async def test_a_cancellation_from_elsewhere_passes() -> None:
    deadline = BodyDeadline(5)
    reading = asyncio.create_task(deadline.read(slowly(5)))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_it_looks_only_while_something_is_read() -> None:
    deadline = BodyDeadline(0.04)
    await deadline.read(slowly(0))
    await asyncio.sleep(0.03)
    assert not deadline._looking
    with pytest.raises(BodyTimeout):
        await deadline.read(slowly(5))
