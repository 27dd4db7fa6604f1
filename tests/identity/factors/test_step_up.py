"""Proving anew who one is (RFC 9470), and what asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Invalid, ProofRequired
from septet.identity.factors.types import ProofAnew
from septet.identity.problems import InvalidRefreshToken, WrongCode, WrongPassword
from septet.identity.types import AddressOnly
from support.app import Clock
from support.people import ADA, GRACE, OTHER_PASSWORD, PASSWORD, call, front_door, last_code, refresh, register, sign_in


async def test_deleting_oneself_asks_for_a_fresh_proof(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        session = await register(septet, ADA)
        clock.advance(minutes=6)
        with pytest.raises(ProofRequired) as refused:
            await call(septet, "delete_me", session.access_token)
        assert refused.value.members() == {"acr": "aal1", "max_age": 300}
        renewed = await refresh(septet, session.refresh_token)  # which proves nothing
        with pytest.raises(ProofRequired):
            await call(septet, "delete_me", renewed.access_token)
        with pytest.raises(WrongPassword):
            await call(septet, "prove_anew", renewed.access_token, body=ProofAnew(password=OTHER_PASSWORD))
        proven = await call(septet, "prove_anew", renewed.access_token, body=ProofAnew(password=PASSWORD))
        await call(septet, "delete_me", proven.access_token)


async def test_the_refresh_token_stays_and_its_next_tokens_tell_of_the_proof(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        session = await register(septet, ADA)
        clock.advance(minutes=4)
        proven = await call(septet, "prove_anew", session.access_token, body=ProofAnew(password=PASSWORD))
        assert proven.refresh_token == session.refresh_token
        assert proven.access_token != session.access_token
        assert proven.expires_in == session.expires_in - 240
        at = clock().timestamp()
        clock.advance(minutes=8)
        renewed = await refresh(septet, session.refresh_token)
        assert (await septet.runtime.authentication.who(renewed.access_token)).proven_at == at
        clock.advance(minutes=1)
        with pytest.raises(InvalidRefreshToken):  # rotation goes on as ever
            await refresh(septet, session.refresh_token)


async def test_a_code_in_a_mail_proves_it_too_if_it_is_ones_own(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        await register(septet, GRACE)
        clock.advance(minutes=6)
        hers = await call(septet, "request_sign_in_code", body=AddressOnly(email=GRACE))
        proof = ProofAnew(email_code=await last_code(septet, GRACE), email_code_id=hers.id)
        with pytest.raises(WrongCode):
            await call(septet, "prove_anew", token, body=proof)
        mine = await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
        proof = ProofAnew(email_code=await last_code(septet, ADA), email_code_id=mine.id)
        proven = await call(septet, "prove_anew", token, body=proof)
        with pytest.raises(WrongCode):
            await call(septet, "prove_anew", token, body=proof)
        await call(septet, "delete_me", proven.access_token)
        grace = await sign_in(septet, GRACE)
        for nothing in (ProofAnew(), ProofAnew(email_code="01234567")):
            with pytest.raises(Invalid):
                await call(septet, "prove_anew", grace.access_token, body=nothing)
