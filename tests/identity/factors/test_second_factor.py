"""Authenticator apps (RFC 6238), recovery codes, and signing in with them after the first factor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyotp
import pytest

from septet.app import Septet
from septet.core.context import Client
from septet.core.errors import Invalid, ProofRequired, TooMany
from septet.identity.factors.types import ProofAnew, RecoveryCodes, SecondFactorProof, TotpProof
from septet.identity.problems import (
    InvalidCredentials,
    NoSecondFactor,
    SecondFactorRequired,
    TotpExists,
    WrongCode,
    WrongSecondFactor,
)
from septet.identity.types import AddressOnly, PasswordChange, PasswordResetProof, SessionReply
from support.app import Clock
from support.people import (
    ADA,
    GRACE,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    front_door,
    last_code,
    mails_to,
    register,
    sign_in,
)


class App:
    """An authenticator app, and the recovery codes that came with it."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._codes = pyotp.TOTP(secret)
        self._clock = clock
        self.recovery: list[str] = []

    def code(self, late: int = 0) -> str:
        return self._codes.at(int(self._clock().timestamp()) - late)


async def set_up_app(septet: Septet, token: str, clock: Clock) -> App:
    made = await call(septet, "begin_totp", token)
    app = App(made.secret, clock)
    given = await call(septet, "confirm_totp", token, body=TotpProof(code=app.code()))
    assert isinstance(given, RecoveryCodes)
    app.recovery = given.codes
    clock.advance(minutes=1)
    return app


async def challenge(septet: Septet, email: str = ADA, password: str = PASSWORD) -> SecondFactorRequired:
    with pytest.raises(SecondFactorRequired) as asked:
        await sign_in(septet, email, password)
    return asked.value


async def answer(septet: Septet, asked: SecondFactorRequired, **proof: str) -> SessionReply:
    body = SecondFactorProof(challenge=asked.challenge, **proof)
    reply = await call(septet, "answer_second_factor", body=body)
    assert isinstance(reply, SessionReply)
    return reply


async def test_an_app_that_was_confirmed_is_asked_for(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        begun = await call(septet, "begin_totp", token)
        assert begun.uri.startswith("otpauth://totp/")
        assert begun.secret in begun.uri
        assert await sign_in(septet, ADA)  # it is asked of nobody before it is confirmed
        assert (await call(septet, "read_totp", token)).confirmed_at is None
        with pytest.raises(WrongCode):
            await call(septet, "confirm_totp", token, body=TotpProof(code="000000"))
        app = await set_up_app(septet, token, clock)  # which begins anew
        with pytest.raises(TotpExists):
            await call(septet, "begin_totp", token)
        asked = await challenge(septet)
        assert asked.methods == ("totp", "recovery_code")
        reply = await answer(septet, asked, code=app.code())
        actor = await septet.runtime.authentication.who(reply.access_token)
        assert (actor.factors, actor.proven_at) == (2, clock().timestamp())
        assert "authenticator app was set up" in (await mails_to(septet, ADA))[-1]


async def test_a_code_works_once_and_a_step_early_or_late(database_url: str, tmp_path: Path) -> None:
    """RFC 6238 section 5.2."""
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        code = app.code()
        assert await answer(septet, await challenge(septet), code=code)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), code=code)
        with pytest.raises(WrongSecondFactor):  # older than one that was used
            await answer(septet, await challenge(septet), code=app.code(late=30))
        clock.advance(minutes=5)
        assert await answer(septet, await challenge(septet), code=app.code(late=30))
        assert await answer(septet, await challenge(septet), code=app.code(late=-30))
        clock.advance(minutes=5)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), code=app.code(late=90))


async def test_of_a_hundred_that_present_one_code_one_gets_in(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        asked = [await challenge(septet) for _ in range(20)]
        tries = [answer(septet, one, code=app.code()) for one in asked for _ in range(5)]
        replies = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(reply, SessionReply) for reply in replies) == 1
        assert {type(reply) for reply in replies} == {SessionReply, WrongSecondFactor}


async def test_a_challenge_takes_five_tries_for_five_minutes_and_one_answer(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        asked = await challenge(septet)
        for _ in range(5):
            with pytest.raises(WrongSecondFactor):
                await answer(septet, asked, code="000000")
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        asked = await challenge(septet)
        assert await answer(septet, asked, code=app.code())
        clock.advance(minutes=1)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        asked = await challenge(septet)
        clock.advance(minutes=6)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        for nonsense in ("", "x", "a.b.c", asked.challenge[:-1], asked.challenge + "A"):
            with pytest.raises(WrongSecondFactor):
                await answer(septet, SecondFactorRequired(nonsense, (), 0), code=app.code())
        with pytest.raises(Invalid):
            await answer(septet, await challenge(septet))


async def test_recovery_codes_work_once_each(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        assert len(set(app.recovery)) == 10
        typed = app.recovery[0].lower().replace("-", " ")
        reply = await answer(septet, await challenge(septet), recovery_code=typed)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), recovery_code=app.recovery[0])
        assert "recovery code" in (await mails_to(septet, ADA))[-1]
        assert (await call(septet, "read_totp", reply.access_token)).recovery_codes_left == 9
        renewed = await call(septet, "renew_recovery_codes", reply.access_token)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), recovery_code=app.recovery[1])
        assert await answer(septet, await challenge(septet), recovery_code=renewed.codes[0])
        grace = await register(septet, GRACE)
        other = await set_up_app(septet, grace.access_token, clock)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), recovery_code=other.recovery[0])


async def test_only_who_has_the_first_factor_can_use_the_tries_up(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock, limits=True) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        for number in range(30):
            thief = Client(f"198.51.100.{number}", "Thief")
            with pytest.raises((InvalidCredentials, TooMany)):
                await sign_in(septet, ADA, OTHER_PASSWORD, client=thief)
        assert await answer(septet, await challenge(septet), code=app.code())


async def test_another_password_ends_open_challenges(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        app = await set_up_app(septet, token, clock)
        asked = await challenge(septet)
        change = PasswordChange(current_password=PASSWORD, new_password=OTHER_PASSWORD)
        await call(septet, "change_password", token, body=change)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        assert "was changed" in (await mails_to(septet, ADA))[-1]
        asked = await challenge(septet, password=OTHER_PASSWORD)
        sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        proof = PasswordResetProof(password=PASSWORD, code=await last_code(septet, ADA))
        await call(septet, "reset_password", id=sent.id, body=proof)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        assert await answer(septet, await challenge(septet), code=app.code())


async def test_removing_the_app_asks_for_both_factors(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        with pytest.raises(ProofRequired):
            await call(septet, "renew_recovery_codes", token)
        app = await set_up_app(septet, token, clock)
        with pytest.raises(ProofRequired):  # the session was proven before there was an app
            await call(septet, "remove_totp", token)
        with pytest.raises(WrongSecondFactor):
            await prove(septet, token, code="000000")
        fresh = await prove(septet, token, code=app.code())
        await call(septet, "remove_totp", fresh.access_token)
        await call(septet, "remove_totp", fresh.access_token)
        assert (await call(septet, "read_totp", token)).recovery_codes_left == 0
        assert await sign_in(septet, ADA)
        with pytest.raises(NoSecondFactor):
            await call(septet, "renew_recovery_codes", fresh.access_token)
        assert any("was removed" in text for text in await mails_to(septet, ADA))  # notices of one moment: any order


async def prove(septet: Septet, token: str, **proof: Any) -> SessionReply:
    reply = await call(septet, "prove_anew", token, body=ProofAnew(**proof))
    assert isinstance(reply, SessionReply)
    return reply


async def test_no_seed_and_no_code_is_in_the_database(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        secret = (await call(septet, "begin_totp", token)).secret
        app = App(secret, clock)
        codes = (await call(septet, "confirm_totp", token, body=TotpProof(code=app.code()))).codes
        await sign_in_and_ignore(septet)
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*.db*"))
    assert len(held) > 10_000
    for text in (secret, *codes, codes[0].replace("-", "")):
        assert text.encode() not in held


async def sign_in_and_ignore(septet: Septet) -> None:
    await challenge(septet)
