"""Changing one's address: the new one is proven, both are told, and nobody learns whose is whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.app import Septet
from septet.identity.problems import InvalidCredentials, WrongCode, WrongPassword
from septet.identity.types import AddressOnly, EmailChange, EmailChangeProof, PasswordResetProof, ProofSent
from support.people import (
    ADA,
    GRACE,
    MALLORY,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    counted_queries,
    front_door,
    last_code,
    mails_to,
    register,
    sign_in,
)

NEW = "ada@lovelace.example"


async def _ask(septet: Septet, token: str, email: str, password: str = PASSWORD) -> ProofSent:
    change = EmailChange(email=email, current_password=password)
    sent = await call(septet, "request_email_change", token, body=change)
    assert isinstance(sent, ProofSent)
    return sent


async def test_the_new_address_is_proven_and_both_are_told(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA)
        with pytest.raises(WrongPassword):
            await _ask(septet, ada.access_token, NEW, OTHER_PASSWORD)
        sent = await _ask(septet, ada.access_token, NEW)
        code = await last_code(septet, NEW)
        assert "asked to change" in (await mails_to(septet, ADA))[-1]
        assert (await call(septet, "read_me", ada.access_token)).email == ADA
        proof = EmailChangeProof(code=code)
        changed = await call(septet, "change_email", ada.access_token, id=sent.id, body=proof)
        assert (changed.id, changed.email, changed.email_verified) == (ada.account.id, NEW, True)
        assert "this is the e-mail address" in (await mails_to(septet, NEW))[-1]
        assert await sign_in(septet, NEW)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA)
        with pytest.raises(WrongCode):
            await call(septet, "change_email", ada.access_token, id=sent.id, body=proof)


async def test_a_taken_address_is_answered_alike_and_stays_its_owners(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        mallory = await register(septet, MALLORY)
        await register(septet, ADA)
        with counted_queries(septet) as for_taken:
            taken = await _ask(septet, mallory.access_token, ADA)
        with counted_queries(septet) as for_free:
            free = await _ask(septet, mallory.access_token, GRACE)
        assert for_taken == for_free
        assert taken.expires_in == free.expires_in
        assert "It has one already" in (await mails_to(septet, ADA))[-1]


async def test_nobody_else_can_use_the_code(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada, mallory = await register(septet, ADA), await register(septet, MALLORY)
        sent = await _ask(septet, ada.access_token, NEW)
        proof = EmailChangeProof(code=await last_code(septet, NEW))
        with pytest.raises(WrongCode):
            await call(septet, "change_email", mallory.access_token, id=sent.id, body=proof)
        assert (await call(septet, "change_email", ada.access_token, id=sent.id, body=proof)).email == NEW


async def test_of_two_who_want_one_address_one_gets_it(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        first = await _ask(septet, ada.access_token, NEW)
        code = await last_code(septet, NEW)
        second = await _ask(septet, grace.access_token, NEW)
        other_code = await last_code(septet, NEW)
        assert (
            await call(septet, "change_email", ada.access_token, id=first.id, body=EmailChangeProof(code=code))
        ).email == NEW
        with pytest.raises(WrongCode):
            await call(septet, "change_email", grace.access_token, id=second.id, body=EmailChangeProof(code=other_code))


async def test_another_spelling_of_ones_own_address(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        sent = await _ask(septet, ada.access_token, "Ada@Example.org")
        proof = EmailChangeProof(code=await last_code(septet, "Ada@Example.org"))
        assert (await call(septet, "change_email", ada.access_token, id=sent.id, body=proof)).email == "Ada@Example.org"


async def test_a_reset_begun_at_the_old_address_is_void(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        reset = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        code = await last_code(septet, ADA)
        sent = await _ask(septet, ada.access_token, NEW)
        proof = EmailChangeProof(code=await last_code(septet, NEW))
        await call(septet, "change_email", ada.access_token, id=sent.id, body=proof)
        body = PasswordResetProof(password=OTHER_PASSWORD, code=code)
        with pytest.raises(WrongCode):
            await call(septet, "reset_password", id=reset.id, body=body)
