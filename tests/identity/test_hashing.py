"""Hashing leaves the event loop free, and a storm of it is turned away rather than queued for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from septet.core.errors import Unavailable
from septet.identity.hashing import Hashing
from septet.identity.settings import IdentitySettings
from support.people import quick


async def test_a_hash_verifies_its_own_password_only() -> None:
    hashing = Hashing(quick())
    stored = await hashing.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hashing.matches(stored, "correct horse")
    assert not await hashing.matches(stored, "Correct horse")
    assert not await hashing.matches(None, "correct horse")
    assert not await hashing.matches("no hash at all", "correct horse")
    assert stored != await hashing.hash("correct horse")


async def test_the_usual_parameters_are_owasps() -> None:
    stored = await Hashing(IdentitySettings()).hash("x")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_nobodys_hash_takes_the_same_work_as_a_real_one() -> None:
    """The same parameters and lengths, so the same number of blocks is computed."""
    hashing = Hashing(quick(argon2_memory=2048))
    stored = await hashing.hash("x")
    nobodys = hashing._nobodys
    assert [len(part) for part in stored.split("$")] == [len(part) for part in nobodys.split("$")]
    assert stored.split("$")[:4] == nobodys.split("$")[:4]
    assert not hashing.is_outdated(nobodys)


async def test_beyond_its_queue_callers_are_turned_away() -> None:
    hashing = Hashing(quick(argon2_memory=8192, hash_threads=1, hash_queue=3))
    outcomes = await asyncio.gather(*(hashing.hash("x") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 6
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 4
    assert await hashing.hash("x")


async def test_who_left_the_queue_makes_room() -> None:
    hashing = Hashing(quick(argon2_memory=8192, hash_threads=1, hash_queue=1))
    waiting = [asyncio.create_task(hashing.hash("x")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hashing.hash("x")
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert await hashing.hash("x")


async def test_the_event_loop_goes_on_meanwhile() -> None:
    hashing = Hashing(IdentitySettings(hash_threads=1))
    under_way = asyncio.gather(*(hashing.hash("x") for _ in range(10)))
    turns, began = 0, time.perf_counter()
    while not under_way.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20 * (time.perf_counter() - began)  # a blocked loop would have turned once a hash
