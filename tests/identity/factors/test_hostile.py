"""Second factors and codes against callers who mean harm, and accounts that changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity.factors.test_second_factor import answer, challenge, prove, set_up_app
from septet.app import Septet
from septet.core.errors import Forbidden, ProofRequired, TooMany, Unauthenticated
from septet.identity.problems import (
    AccountSuspended,
    InvalidCredentials,
    InvalidRefreshToken,
    SecondFactorRequired,
    WrongSecondFactor,
)
from septet.identity.settings import EmailVerification
from septet.identity.types import AddressOnly, NewAccount, PasswordResetProof, SessionReply, SignInCode
from support.app import Clock
from support.people import (
    ADA,
    MALLORY,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    front_door,
    last_code,
    refresh,
    register,
    sign_in,
)
from support.sql import execute


async def _by_mail(septet: Septet, email: str) -> SessionReply:
    sent = await call(septet, "request_sign_in_code", body=AddressOnly(email=email))
    body = SignInCode(code=await last_code(septet, email))
    reply = await call(septet, "sign_in_with_code", id=sent.id, body=body)
    assert isinstance(reply, SessionReply)
    return reply


async def test_an_account_prepared_by_a_stranger_keeps_nothing_of_theirs_by_mail(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock, email_verification=EmailVerification.OFF) as septet:
        strangers = await call(septet, "register", body=NewAccount(email=ADA, password=PASSWORD))
        await set_up_app(septet, strangers.access_token, clock)
        mine = await _by_mail(septet, ADA)
        assert mine.account.email_verified
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, strangers.refresh_token)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", strangers.access_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, PASSWORD)
        assert (await call(septet, "read_totp", mine.access_token)).confirmed_at is None


async def test_a_reset_frees_an_account_from_a_strangers_app(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock, email_verification=EmailVerification.OFF) as septet:
        strangers = await call(septet, "register", body=NewAccount(email=ADA, password=PASSWORD))
        await set_up_app(septet, strangers.access_token, clock)
        sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        proof = PasswordResetProof(password=OTHER_PASSWORD, code=await last_code(septet, ADA))
        await call(septet, "reset_password", id=sent.id, body=proof)
        assert await sign_in(septet, ADA, OTHER_PASSWORD)


async def test_a_reset_leaves_the_second_factor_of_who_proved_their_address(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        proof = PasswordResetProof(password=OTHER_PASSWORD, code=await last_code(septet, ADA))
        await call(septet, "reset_password", id=sent.id, body=proof)
        with pytest.raises(SecondFactorRequired):
            await _by_mail(septet, ADA)
        assert await answer(septet, await challenge(septet, password=OTHER_PASSWORD), code=app.code())


async def test_a_suspended_account_gets_nothing_and_loses_no_code(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        app = await set_up_app(septet, token, clock)
        asked = await challenge(septet)
        since = "1" if database_url.startswith("sqlite") else "now()"
        execute(database_url, f"UPDATE identity_account SET suspended_at = {since}")
        with pytest.raises(AccountSuspended):
            await answer(septet, asked, recovery_code=app.recovery[0])
        with pytest.raises(AccountSuspended):
            await prove(septet, token, password=PASSWORD)
        execute(database_url, "UPDATE identity_account SET suspended_at = NULL")
        assert await answer(septet, asked, recovery_code=app.recovery[0])


async def test_a_stolen_access_token_uses_up_no_tries_of_the_owners(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock, limits=True) as septet:
        token = (await register(septet, ADA)).access_token
        app = await set_up_app(septet, token, clock)
        for _ in range(8):
            with pytest.raises(WrongSecondFactor):
                await prove(septet, token, code="000000")
        for tries in (5, 5, 5, 4):  # with the one that follows, the twenty of an hour
            asked = await challenge(septet)
            for _ in range(tries):
                with pytest.raises(WrongSecondFactor):
                    await answer(septet, asked, code="000000")
        assert await answer(septet, asked, code=app.code())


async def test_a_recovery_code_gets_in_when_the_tries_of_the_app_are_used_up(tmp_path: Path) -> None:
    """Who has the password may spend them, but 78 bits need no limit."""
    clock = Clock()
    async with front_door("", tmp_path, clock=clock, limits=True) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        for _ in range(4):
            asked = await challenge(septet)
            for _ in range(5):
                with pytest.raises(WrongSecondFactor):
                    await answer(septet, asked, code="000000")
        asked = await challenge(septet)
        with pytest.raises(TooMany):
            await answer(septet, asked, code=app.code())
        assert await answer(septet, asked, recovery_code=app.recovery[0])


async def test_who_has_a_second_factor_gives_it_for_what_cannot_be_taken_back(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        app = await set_up_app(septet, token, clock)
        by_password = await prove(septet, token, password=PASSWORD)
        with pytest.raises(ProofRequired) as refused:
            await call(septet, "delete_me", by_password.access_token)
        assert refused.value.members() == {"acr": "aal2", "max_age": 300}
        by_both = await prove(septet, token, password=PASSWORD, code=app.code())
        await call(septet, "delete_me", by_both.access_token)


async def test_a_browsers_session_gives_no_tokens_away(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        execute(database_url, "UPDATE identity_session SET kind = 'browser'")
        with pytest.raises(Forbidden):
            await prove(septet, token, password=PASSWORD)


async def test_a_seed_whose_key_is_gone_is_a_wrong_code(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        app = await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        broken = "x'0000'" if database_url.startswith("sqlite") else "'\\x0000'"
        execute(database_url, f"UPDATE identity_totp SET sealed_seed = {broken}")
        asked = await challenge(septet)
        with pytest.raises(WrongSecondFactor):
            await answer(septet, asked, code=app.code())
        assert await answer(septet, asked, recovery_code=app.recovery[0])


async def test_a_seed_of_another_account_opens_nothing(database_url: str, tmp_path: Path) -> None:
    """Who can write to the database cannot give an account a seed that they know."""
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        await set_up_app(septet, (await register(septet, ADA)).access_token, clock)
        app = await set_up_app(septet, (await register(septet, MALLORY)).access_token, clock)
        mallorys = "SELECT sealed_seed FROM identity_totp ORDER BY account_id DESC LIMIT 1"
        execute(database_url, f"UPDATE identity_totp SET sealed_seed = ({mallorys})")
        with pytest.raises(WrongSecondFactor):
            await answer(septet, await challenge(septet), code=app.code())
