"""Registration: an account begins when its address is proven, and no reply tells who has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Invalid
from septet.identity.problems import EmailTaken, InvalidCredentials, WeakPassword, WrongCode
from septet.identity.settings import EmailVerification
from septet.identity.types import NewAccount, SignedUp, VerificationSent
from support.app import Clock
from support.people import (
    ADA,
    GRACE,
    MALLORY,
    OTHER_PASSWORD,
    PASSWORD,
    begin_registration,
    call,
    code_in,
    counted_queries,
    front_door,
    last_code,
    link_in,
    mails,
    mails_to,
    register,
    sign_in,
    verify,
)


async def test_the_code_in_the_mail_makes_the_account_and_signs_in(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        reply = await register(septet, "Ada@Example.org", name="Ada", locale="de-AT")
        me = await call(septet, "read_me", reply.access_token)
        assert (me.email, me.email_verified, me.name, me.locale) == ("Ada@Example.org", True, "Ada", "de-AT")
        assert reply.account == me
        assert reply.scope == "identity:read identity:write"
        assert (await sign_in(septet, ADA)).account == me


async def test_there_is_no_account_before_the_address_is_proven(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await begin_registration(septet, ADA)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA)


async def test_the_link_makes_the_account_with_the_password_chosen_there(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        sent = await begin_registration(septet, ADA, "mallory chose this one first")
        token = link_in((await mails_to(septet, ADA))[-1])
        with pytest.raises(Invalid):
            await verify(septet, sent, token=token)
        assert (await verify(septet, sent, token=token, password=OTHER_PASSWORD)).account.email == ADA
        assert await sign_in(septet, ADA, OTHER_PASSWORD)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, "mallory chose this one first")
        with pytest.raises(WrongCode):
            await verify(septet, sent, token=token, password=OTHER_PASSWORD)


async def test_who_registered_somebody_elses_address_first_gets_nothing(database_url: str, tmp_path: Path) -> None:
    """The true owner's code makes the true owner's account; what the stranger began is dead."""
    async with front_door(database_url, tmp_path) as septet:
        strangers = await begin_registration(septet, ADA, "mallory chose this one first")
        strangers_code = await last_code(septet, ADA)
        reply = await register(septet, ADA)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, "mallory chose this one first")
        with pytest.raises(WrongCode):
            await verify(septet, strangers, code=strangers_code)
        assert (await sign_in(septet, ADA)).account == reply.account


async def test_a_taken_address_is_answered_alike_and_its_owner_told(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        with counted_queries(septet) as for_known:
            known = await begin_registration(septet, ADA, OTHER_PASSWORD)
        with counted_queries(septet) as for_unknown:
            unknown = await begin_registration(septet, GRACE, OTHER_PASSWORD)
        assert for_known == for_unknown
        assert (known.expires_in, type(known)) == (unknown.expires_in, type(unknown))
        (*_, adas), (graces,) = await mails_to(septet, ADA), await mails_to(septet, GRACE)
        assert "It has one already." in adas
        assert "#" not in adas
        for sent in (known, unknown):
            with pytest.raises(WrongCode), counted_queries(septet) as ran:
                await verify(septet, sent, code=_wrong(code_in(graces)))
            assert ran == ["identity.queries.try_verification"]
        assert await sign_in(septet, ADA, PASSWORD)


async def test_a_decoy_never_verifies_whatever_its_code_would_be(tmp_path: Path) -> None:
    from septet.identity.codes import code_of

    async with front_door("", tmp_path) as septet:
        await register(septet, ADA)
        decoy = await begin_registration(septet, ADA, OTHER_PASSWORD)
        await mails(septet)
        code = code_of(septet.runtime.keys, decoy.verification_id, "test1")
        with pytest.raises(WrongCode):
            await verify(septet, decoy, code=code)


async def test_the_right_code_is_refused_after_five_wrong_ones(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        sent = await begin_registration(septet, ADA)
        code = await last_code(septet, ADA)
        for _ in range(5):
            with pytest.raises(WrongCode):
                await verify(septet, sent, code=_wrong(code))
        with pytest.raises(WrongCode):
            await verify(septet, sent, code=code)


async def test_a_code_and_a_link_expire(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        sent = await begin_registration(septet, ADA)
        text = (await mails_to(septet, ADA))[-1]
        clock.advance(minutes=30)
        for proof in ({"code": code_in(text)}, {"token": link_in(text), "password": PASSWORD}):
            with pytest.raises(WrongCode):
                await verify(septet, sent, **proof)


async def test_a_code_of_another_registration_is_wrong(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        adas = await begin_registration(septet, ADA)
        await begin_registration(septet, MALLORY)
        code = await last_code(septet, MALLORY)
        with pytest.raises(WrongCode):
            await verify(septet, adas, code=code)


async def test_one_address_gets_ten_mails_an_hour_and_no_more(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        for _ in range(12):
            await begin_registration(septet, ADA)
        assert len(await mails_to(septet, ADA)) == 10
        await begin_registration(septet, GRACE)
        assert len(await mails_to(septet, GRACE)) == 1
        clock.advance(minutes=61)
        await begin_registration(septet, ADA)
        assert len(await mails_to(septet, ADA)) == 11


async def test_nothing_a_stranger_chose_is_in_a_mail(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await begin_registration(septet, ADA, name="Win a prize at evil dot example")
        assert "prize" not in "".join(await mails_to(septet, ADA))


async def test_a_weak_password_is_refused(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        for weak in ("elevenchars", "adaadaadaadaadaada", ADA):
            with pytest.raises(WeakPassword) as refused:
                await begin_registration(septet, ADA, weak)
            assert refused.value.faults[0].pointer == "/password"


async def test_codes_are_in_no_table(tmp_path: Path) -> None:
    from support.sql import execute

    url = f"sqlite:///{tmp_path / 'septet.db'}"
    async with front_door(url, tmp_path) as septet:
        await begin_registration(septet, ADA)
        held = str(execute(url, "SELECT payload FROM core_task"))
        text = (await mails_to(septet, ADA))[-1]
        held += str(execute(url, "SELECT * FROM identity_verification"))
        for secret in (code_in(text), link_in(text), PASSWORD, ADA.encode().hex()):
            assert secret not in held


async def test_without_verification_one_is_signed_in_at_once(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path, email_verification=EmailVerification.OFF) as septet:
        reply = await call(septet, "register", body=NewAccount(email=ADA, password=PASSWORD))
        assert isinstance(reply, SignedUp)
        assert not reply.account.email_verified
        assert await call(septet, "read_me", reply.access_token) == reply.account
        with pytest.raises(EmailTaken):
            await call(septet, "register", body=NewAccount(email=ADA.upper(), password=PASSWORD))
        declared = septet.runtime.registry.operations["register"].declared
        assert (declared.status_of(reply), declared.statuses[VerificationSent]) == (201, 202)


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"
