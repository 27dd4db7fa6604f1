"""Eight characters are enough beside a second factor, fifteen without one (NIST SP 800-63B-4 section 3.1.1.2)."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest

from septet.app import Septet
from septet.identity.factors.passkey_types import NewPasskey
from septet.identity.factors.types import SecondFactorProof, TotpProof
from septet.identity.problems import SecondFactorRequired, ShortPassword, WeakPassword
from septet.identity.types import AddressOnly, PasswordChange, PasswordResetProof
from support.app import Clock
from support.passkeys import SoftPasskey
from support.people import ADA, OTHER_PASSWORD, PASSWORD, call, front_door, last_code, register, sign_in

SHORT = "x9$Kq2!vL"


async def _with_app(septet: Septet, clock: Clock) -> tuple[str, str]:
    """An access token of two factors, and the seed of the app."""
    ada = await register(septet, ADA)
    seed = (await call(septet, "begin_totp", ada.access_token)).secret
    await call(septet, "confirm_totp", ada.access_token, body=TotpProof(code=pyotp.TOTP(seed).at(clock())))
    return await _sign_in(septet, clock, seed, PASSWORD), seed


async def _sign_in(septet: Septet, clock: Clock, seed: str, password: str) -> str:
    clock.advance(seconds=90)
    with pytest.raises(SecondFactorRequired) as asked:
        await sign_in(septet, ADA, password)
    answer = SecondFactorProof(challenge=asked.value.challenge, code=pyotp.TOTP(seed).at(clock()))
    token: str = (await call(septet, "answer_second_factor", body=answer)).access_token
    return token


def _change(old: str, new: str) -> PasswordChange:
    return PasswordChange(current_password=old, new_password=new)


async def test_eight_are_enough_beside_an_app_and_the_app_then_stays(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token, seed = await _with_app(septet, clock)
        with pytest.raises(WeakPassword):
            await call(septet, "change_password", token, body=_change(PASSWORD, "x9$Kq2!"))
        await call(septet, "change_password", token, body=_change(PASSWORD, SHORT))
        with pytest.raises(ShortPassword):
            await call(septet, "remove_totp", token)
        token = await _sign_in(septet, clock, seed, SHORT)
        await call(septet, "change_password", token, body=_change(SHORT, OTHER_PASSWORD))
        await call(septet, "remove_totp", token)
        await sign_in(septet, ADA, OTHER_PASSWORD)


async def test_one_of_two_factors_may_go(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token, _ = await _with_app(septet, clock)
        begun = await call(septet, "begin_passkey", token)
        made = SoftPasskey().make(begun.options, septet.runtime.floor.base_url)
        passkey = await call(septet, "add_passkey", token, body=NewPasskey(challenge=begun.challenge, credential=made))
        await call(septet, "change_password", token, body=_change(PASSWORD, SHORT))
        await call(septet, "remove_totp", token)
        with pytest.raises(ShortPassword):
            await call(septet, "remove_passkey", token, id=passkey.id)


async def test_fifteen_are_needed_without_one(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA)
        with pytest.raises(WeakPassword):
            await call(septet, "change_password", ada.access_token, body=_change(PASSWORD, SHORT))
        sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        proof = PasswordResetProof(password=SHORT, code=await last_code(septet, ADA))
        with pytest.raises(WeakPassword):
            await call(septet, "reset_password", id=sent.id, body=proof)


async def test_a_reset_knows_of_the_second_factor(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        _, seed = await _with_app(septet, clock)
        sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        proof = PasswordResetProof(password=SHORT, code=await last_code(septet, ADA))
        await call(septet, "reset_password", id=sent.id, body=proof)
        token = await _sign_in(septet, clock, seed, SHORT)
        with pytest.raises(ShortPassword):
            await call(septet, "remove_totp", token)
