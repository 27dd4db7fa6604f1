"""Refreshing: every token works once, a lost reply is no theft, and a theft ends the session for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from septet.app import Septet
from septet.core.errors import Unauthenticated
from septet.core.ids import new_id
from septet.core.types import SessionId
from septet.identity.problems import InvalidRefreshToken
from septet.identity.tokens import read_refresh_token, refresh_token
from support.app import Clock
from support.people import ADA, call, counted_queries, front_door, mails_to, refresh, register
from support.sql import execute


async def test_tokens_move_on_and_the_row_does_not_multiply(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        seen = {reply.refresh_token}
        for _ in range(5):
            clock.advance(minutes=9)
            after = await refresh(septet, reply.refresh_token)
            assert after.session_id == reply.session_id
            assert after.account == reply.account
            assert after.refresh_token not in seen
            assert await call(septet, "read_me", after.access_token)
            seen.add(after.refresh_token)
            reply = after
        assert execute(database_url, "SELECT counter FROM identity_session") == [(5,)]


async def test_a_repeat_within_ten_seconds_gets_the_identical_reply(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        clock.advance(minutes=5)
        first = await refresh(septet, reply.refresh_token)
        clock.advance(seconds=10)
        assert await refresh(septet, reply.refresh_token) == first
        assert await refresh(septet, first.refresh_token)


async def test_a_repeat_after_that_is_theft_and_ends_the_session_once(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        successor = await refresh(septet, reply.refresh_token)
        clock.advance(seconds=10.001)
        for stale in (reply, reply, successor):
            with pytest.raises(InvalidRefreshToken):
                await refresh(septet, stale.refresh_token)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", successor.access_token)
        assert len([text for text in await mails_to(septet, ADA) if "had been used before" in text]) == 1
        thefts = execute(database_url, "SELECT outcome FROM identity_audit_entry WHERE action = 'token_theft'")
        assert thefts == [("refused",)]


async def test_the_one_before_the_predecessor_is_theft_at_once(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        first = await register(septet, ADA)
        second = await refresh(septet, first.refresh_token)
        third = await refresh(septet, second.refresh_token)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, first.refresh_token)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, third.refresh_token)


async def test_a_theft_in_one_session_leaves_the_others(database_url: str, tmp_path: Path) -> None:
    from support.people import sign_in

    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        stolen, other = await register(septet, ADA), await sign_in(septet, ADA)
        await refresh(septet, stolen.refresh_token)
        clock.advance(seconds=11)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, stolen.refresh_token)
        assert await refresh(septet, other.refresh_token)


async def _one_rotation(servers: Sequence[Septet], database_url: str, token: str, expected: int) -> str:
    """A hundred present one token at once; gives the one successor they all got."""
    replies = await asyncio.gather(*(refresh(servers[i % len(servers)], token) for i in range(100)))
    assert len({(reply.access_token, reply.refresh_token) for reply in replies}) == 1
    assert execute(database_url, "SELECT counter FROM identity_session") == [(expected,)]
    assert execute(database_url, "SELECT count(*) FROM identity_revocation") == [(0,)]
    return replies[0].refresh_token


async def test_a_hundred_at_once_make_one_rotation_two_hundred_times(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).refresh_token
        for rotation in range(1, 201):
            token = await _one_rotation([septet], database_url, token, rotation)
        assert len(await mails_to(septet, ADA)) == 1


async def test_a_hundred_at_once_in_two_processes_make_one_rotation(database_url: str, tmp_path: Path) -> None:
    async with (
        front_door(database_url, tmp_path / "one") as one,
        front_door(database_url, tmp_path / "two") as two,
    ):
        token = (await register(one, ADA)).refresh_token
        for rotation in range(1, 4):
            token = await _one_rotation([one, two], database_url, token, rotation)


async def test_a_hundred_thieves_at_once_raise_one_alarm(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        await refresh(septet, reply.refresh_token)
        clock.advance(minutes=1)
        tries = await asyncio.gather(
            *(refresh(septet, reply.refresh_token) for _ in range(100)), return_exceptions=True
        )
        assert all(isinstance(outcome, InvalidRefreshToken) for outcome in tries)
        thefts = execute(database_url, "SELECT count(*) FROM identity_audit_entry WHERE action = 'token_theft'")
        assert thefts == [(1,)]
        assert len(await mails_to(septet, ADA)) == 2


async def test_idle_and_absolute_lifetimes(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    settings = {"refresh_idle_days": 10, "refresh_absolute_days": 25}
    async with front_door(database_url, tmp_path, clock=clock, **settings) as septet:
        reply = await register(septet, ADA)
        assert reply.refresh_expires_in == 10 * 86_400
        for expected in (10, 7):
            clock.advance(days=9)
            reply = await refresh(septet, reply.refresh_token)
            assert reply.refresh_expires_in == expected * 86_400
        clock.advance(days=7)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, reply.refresh_token)
        assert execute(database_url, "SELECT count(*) FROM identity_audit_entry WHERE action = 'token_theft'") == [(0,)]


async def test_an_idle_session_expires_without_an_alarm_and_is_swept(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        clock.advance(days=30)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, reply.refresh_token)
        await mails_to(septet, ADA)  # runs what is scheduled, so that the schedule is known
        clock.advance(minutes=11)
        await mails_to(septet, ADA)
        assert execute(database_url, "SELECT count(*) FROM identity_session") == [(0,)]


async def test_a_forged_token_costs_no_query(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        reply = await register(septet, ADA)
        with pytest.raises(InvalidRefreshToken), counted_queries(septet) as ran:
            await refresh(septet, reply.refresh_token[:-2] + "AA")
        assert ran == []


async def test_tokens_from_after_a_restored_backup_are_no_theft(tmp_path: Path) -> None:
    """Their counters are ahead of the row: nobody stole anything."""
    async with front_door("", tmp_path) as septet:
        reply = await register(septet, ADA)
        presented = read_refresh_token(septet.runtime.keys, reply.refresh_token)
        assert presented is not None
        for session, counter in ((presented.session, 7), (SessionId(new_id()), 0)):
            with pytest.raises(InvalidRefreshToken):
                await refresh(septet, refresh_token(septet.runtime.keys, session, counter))
        assert await refresh(septet, reply.refresh_token)


async def test_a_refresh_costs_two_queries(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        reply = await register(septet, ADA)
        with counted_queries(septet) as ran:
            await refresh(septet, reply.refresh_token)
        assert ran == ["identity.queries.rotate_session", "identity.queries.find_holder"]
