"""Signing in with a code from a mail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from septet.core.errors import NotFound
from septet.identity.problems import WrongCode
from septet.identity.types import AddressOnly, SessionReply, SignInCode
from support.app import Clock
from support.people import ADA, GRACE, call, counted_queries, front_door, last_code, mails_to, register


async def test_a_code_signs_in_once(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        await register(septet, ADA)
        sent = await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
        code = SignInCode(code=await last_code(septet, ADA))
        tries = [call(septet, "sign_in_with_code", id=sent.id, body=code) for _ in range(5)]
        replies = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(reply) for reply in replies].count(SessionReply) == 1
        assert {type(reply) for reply in replies} == {SessionReply, WrongCode}
        sent = await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
        code = SignInCode(code=await last_code(septet, ADA))
        clock.advance(minutes=31)
        with pytest.raises(WrongCode):
            await call(septet, "sign_in_with_code", id=sent.id, body=code)


async def test_known_and_unknown_addresses_are_answered_alike(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        with counted_queries(septet) as for_known:
            known = await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
        with counted_queries(septet) as for_unknown:
            unknown = await call(septet, "request_sign_in_code", body=AddressOnly(email=GRACE))
        assert for_known == for_unknown
        assert known.expires_in == unknown.expires_in
        assert await mails_to(septet, GRACE) == []
        with pytest.raises(WrongCode):
            await call(septet, "sign_in_with_code", id=unknown.id, body=SignInCode(code="01234567"))


async def test_codes_can_be_switched_off(tmp_path: Path) -> None:
    async with front_door("", tmp_path, sign_in_codes=False) as septet:
        await register(septet, ADA)
        with pytest.raises(NotFound):
            await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
