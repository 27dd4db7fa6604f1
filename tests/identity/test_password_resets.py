"""A forgotten password, and a known one that is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.app import Septet
from septet.core.errors import Unauthenticated
from septet.core.ids import new_id
from septet.identity.problems import InvalidCredentials, InvalidRefreshToken, WeakPassword, WrongCode, WrongPassword
from septet.identity.settings import EmailVerification
from septet.identity.types import (
    AddressOnly,
    NewAccount,
    PasswordChange,
    PasswordResetProof,
    ProofSent,
    VerificationId,
)
from support.app import Clock
from support.people import (
    ADA,
    GRACE,
    MALLORY,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    code_in,
    counted_queries,
    front_door,
    last_code,
    link_in,
    mails,
    mails_to,
    refresh,
    register,
    sign_in,
)


async def _ask(septet: Septet, email: str) -> ProofSent:
    sent = await call(septet, "request_password_reset", body=AddressOnly(email=email))
    assert isinstance(sent, ProofSent)
    return sent


async def _reset(septet: Septet, sent: ProofSent, password: str = OTHER_PASSWORD, **proof: str) -> None:
    await call(septet, "reset_password", id=sent.id, body=PasswordResetProof(password=password, **proof))


async def test_the_code_sets_another_password_and_ends_every_session(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        old = [await register(septet, ADA), await sign_in(septet, ADA)]
        sent = await _ask(septet, "ADA@example.org")
        code = await last_code(septet, ADA)
        await _reset(septet, sent, code=code)
        for session in old:
            with pytest.raises(Unauthenticated):
                await call(septet, "read_me", session.access_token)
            with pytest.raises(InvalidRefreshToken):
                await refresh(septet, session.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, PASSWORD)
        assert await sign_in(septet, ADA, OTHER_PASSWORD)
        assert "was reset" in (await mails_to(septet, ADA))[-1]
        with pytest.raises(WrongCode):
            await _reset(septet, sent, PASSWORD, code=code)


async def test_the_link_works_once_too(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        sent = await _ask(septet, ADA)
        token = link_in((await mails_to(septet, ADA))[-1])
        await _reset(septet, sent, token=token)
        with pytest.raises(WrongCode):
            await _reset(septet, sent, PASSWORD, token=token)
        assert await sign_in(septet, ADA, OTHER_PASSWORD)


async def test_known_and_unknown_addresses_are_answered_alike(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        before = len(await mails(septet))
        with counted_queries(septet) as for_known:
            known = await _ask(septet, ADA)
        with counted_queries(septet) as for_unknown:
            unknown = await _ask(septet, GRACE)
        assert for_known == for_unknown
        assert known.expires_in == unknown.expires_in
        assert [to for to, _, _ in (await mails(septet))[before:]] == [ADA]
        for sent in (known, unknown):
            with pytest.raises(WrongCode), counted_queries(septet) as ran:
                await _reset(septet, sent, code="00000000")
            assert ran == ["identity.queries.try_verification"]


async def test_tries_are_counted_and_codes_expire(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        await register(septet, ADA)
        tried, late = await _ask(septet, ADA), await _ask(septet, ADA)
        codes = {code_in(text) for text in (await mails_to(septet, ADA))[1:]}
        wrong = next(code for code in ("00000000", "00000001", "00000002") if code not in codes)
        for _ in range(5):
            with pytest.raises(WrongCode):
                await _reset(septet, tried, code=wrong)
        for code in codes:
            with pytest.raises(WrongCode):
                await _reset(septet, tried, code=code)
        clock.advance(minutes=30)
        for code in codes:
            with pytest.raises(WrongCode):
                await _reset(septet, late, code=code)
        assert await sign_in(septet, ADA, PASSWORD)


async def test_a_registrations_code_resets_nothing(tmp_path: Path) -> None:
    from support.people import begin_registration

    async with front_door("", tmp_path) as septet:
        sent = await begin_registration(septet, ADA)
        with pytest.raises(WrongCode):
            await _reset(septet, ProofSent(sent.verification_id, 0), code=await last_code(septet, ADA))


async def test_an_id_that_never_was(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        with pytest.raises(WrongCode):
            await _reset(septet, ProofSent(VerificationId(new_id()), 0), code="12345678")


async def test_a_weak_new_password_leaves_the_code_unused(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await register(septet, ADA)
        sent = await _ask(septet, ADA)
        code = await last_code(septet, ADA)
        with pytest.raises(WeakPassword):
            await _reset(septet, sent, "elevenchars", code=code)
        await _reset(septet, sent, code=code)


async def test_the_true_owner_takes_over_an_account_that_was_never_verified(tmp_path: Path) -> None:
    async with front_door("", tmp_path, email_verification=EmailVerification.OFF) as septet:
        strangers = await call(septet, "register", body=NewAccount(email=ADA, password=PASSWORD))
        sent = await _ask(septet, ADA)
        await _reset(septet, sent, code=await last_code(septet, ADA))
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, strangers.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, PASSWORD)
        assert (await sign_in(septet, ADA, OTHER_PASSWORD)).account.email_verified


async def test_changing_ones_password_ends_the_other_sessions(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        other, this = await register(septet, ADA), await sign_in(septet, ADA)
        mallory = await register(septet, MALLORY)
        with pytest.raises(WrongPassword):
            await _change(septet, this.access_token, OTHER_PASSWORD, "seven more ravens came by")
        with pytest.raises(WeakPassword):
            await _change(septet, this.access_token, PASSWORD, "ada@example.org1")
        await _change(septet, this.access_token, PASSWORD, OTHER_PASSWORD)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, other.refresh_token)
        assert await refresh(septet, this.refresh_token)
        assert await refresh(septet, mallory.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, PASSWORD)
        assert await sign_in(septet, ADA, OTHER_PASSWORD)
        assert "was changed" in (await mails_to(septet, ADA))[-1]


async def _change(septet: Septet, token: str, current: str, new: str) -> None:
    await call(septet, "change_password", token, body=PasswordChange(current_password=current, new_password=new))
