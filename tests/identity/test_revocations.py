"""An ended session is refused by every process within a second."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from septet.app import Septet
from septet.core.errors import Unauthenticated
from septet.identity.revocations import look
from support.app import Clock
from support.people import ADA, call, front_door, mails, register, sign_in
from support.sql import execute


async def _is_refused(septet: Septet, token: str) -> bool:
    try:
        await call(septet, "read_me", token)
    except Unauthenticated:
        return True
    return False


async def test_another_process_knows_within_a_second(database_url: str, tmp_path: Path) -> None:
    async with (
        front_door(database_url, tmp_path / "one") as one,
        front_door(database_url, tmp_path / "two") as two,
    ):
        reply = await register(one, ADA)
        other = await sign_in(one, ADA)
        assert not await _is_refused(two, reply.access_token)  # verified, and remembered
        await call(one, "sign_out", reply.access_token, id="current")
        assert await _is_refused(one, reply.access_token)
        async with asyncio.timeout(1.0):
            while not await _is_refused(two, reply.access_token):
                await asyncio.sleep(0.02)
        assert not await _is_refused(two, other.access_token)


async def test_a_process_that_starts_later_knows_too(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path / "one", clock=clock) as one:
        reply = await register(one, ADA)
        await call(one, "sign_out", reply.access_token, id="current")
        clock.advance(minutes=9)
        async with front_door(database_url, tmp_path / "two", clock=clock) as two:
            assert await _is_refused(two, reply.access_token)


async def test_a_clock_that_lags_behind_hides_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'septet.db'}"
    slow, fast = Clock(), Clock()
    fast.advance(seconds=20)
    async with (
        front_door(url, tmp_path / "one", clock=slow) as one,
        front_door(url, tmp_path / "two", clock=fast) as two,
    ):
        reply = await register(one, ADA)
        await call(one, "sign_out", reply.access_token, id="current")
        await look(two.runtime)
        assert await _is_refused(two, reply.access_token)


async def test_revocations_go_once_no_token_can_hold(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        await call(septet, "sign_out", reply.access_token, id="current")
        await mails(septet)
        clock.advance(minutes=12)
        await mails(septet)
        assert execute(database_url, "SELECT count(*) FROM identity_revocation") == [(1,)]
        clock.advance(minutes=20)
        await mails(septet)
        assert execute(database_url, "SELECT count(*) FROM identity_revocation") == [(0,)]


async def test_a_session_whose_end_was_not_committed_goes_on(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        reply = await register(septet, ADA)
        septet.runtime.outbox.publish = _fail  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="at the last moment"):
            await call(septet, "delete_me", reply.access_token)
        assert not await _is_refused(septet, reply.access_token)


def _fail(*_: object) -> None:
    raise RuntimeError("at the last moment")
