"""Passkeys (WebAuthn Level 3, sections 7.1 and 7.2): added, signed in with, a second factor; and forged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from septet.app import Septet
from septet.core.errors import NotFound, ProofRequired
from septet.identity.factors.passkey_types import NewPasskey, Passkey, PasskeyChallenge, PasskeyChanges, PasskeyProof
from septet.identity.factors.types import ProofAnew, SecondFactorProof
from septet.identity.problems import NoSecondFactor, SecondFactorRequired, WrongPasskey
from septet.identity.types import SessionReply
from support.app import Clock
from support.passkeys import SoftPasskey
from support.people import ADA, GRACE, PASSWORD, call, front_door, mails_to, register, sign_in


def origin_of(septet: Septet) -> str:
    return str(septet.runtime.floor.base_url)


async def add(septet: Septet, token: str, device: SoftPasskey, name: str = "Phone") -> Passkey:
    begun = await call(septet, "begin_passkey", token)
    credential = device.make(begun.options, origin_of(septet))
    body = NewPasskey(challenge=begun.challenge, credential=credential, name=name)
    added = await call(septet, "add_passkey", token, body=body)
    assert isinstance(added, Passkey)
    return added


async def begin(septet: Septet) -> PasskeyChallenge:
    begun = await call(septet, "begin_passkey_sign_in")
    assert isinstance(begun, PasskeyChallenge)
    return begun


async def enter(septet: Septet, begun: PasskeyChallenge, credential: dict[str, Any]) -> SessionReply:
    body = PasskeyProof(challenge=begun.challenge, credential=credential)
    reply = await call(septet, "sign_in_with_passkey", body=body)
    assert isinstance(reply, SessionReply)
    return reply


async def both_factors(septet: Septet, device: SoftPasskey) -> str:
    """The access token of a session that the passkey opened."""
    begun = await begin(septet)
    return (await enter(septet, begun, device.sign(begun.options, origin_of(septet)))).access_token


async def test_one_factor_neither_adds_nor_removes_a_passkey_beside_another(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        before = await call(septet, "begin_passkey", token)
        device = SoftPasskey()
        passkey = await add(septet, token, device)
        with pytest.raises(ProofRequired) as asked:
            await call(septet, "begin_passkey", token)
        assert asked.value.proof.factors == 2
        late = NewPasskey(challenge=before.challenge, credential=SoftPasskey().make(before.options, origin_of(septet)))
        with pytest.raises(ProofRequired):  # begun while there was none
            await call(septet, "add_passkey", token, body=late)
        with pytest.raises(ProofRequired):
            await call(septet, "remove_passkey", token, id=passkey.id)
        stronger = await both_factors(septet, device)
        await add(septet, stronger, SoftPasskey())
        await call(septet, "remove_passkey", stronger, id=passkey.id)


async def test_a_passkey_signs_in_without_a_name_and_counts_as_two_factors(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        device = SoftPasskey()
        passkey = await add(septet, token, device)
        begun = await begin(septet)
        assert begun.options["allowCredentials"] == []
        assert begun.options["userVerification"] == "required"
        reply = await enter(septet, begun, device.sign(begun.options, origin_of(septet)))
        assert reply.account.email == ADA
        actor = await septet.runtime.authentication.who(reply.access_token)
        assert actor.factors == 2
        (listed,) = await call(septet, "list_passkeys", token)
        assert (listed.id, listed.name, listed.used_at is not None) == (passkey.id, "Phone", True)
        assert "passkey was added" in (await mails_to(septet, ADA))[-1]


async def test_the_user_handle_tells_nothing_and_known_passkeys_are_left_out(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        device = SoftPasskey()
        await add(septet, (await register(septet, ADA)).access_token, device)
        options = (await call(septet, "begin_passkey", await both_factors(septet, device))).options
        assert ADA not in options["user"]["id"]
        assert len(options["excludeCredentials"]) == 1
        assert options["attestation"] == "none"
        assert {kind["alg"] for kind in options["pubKeyCredParams"]} == {-8, -7, -257}


async def test_as_a_second_factor_it_need_not_verify_its_user(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        device = SoftPasskey(verifies=False)
        await add(septet, token, device)
        begun = await begin(septet)
        with pytest.raises(WrongPasskey, match="verify"):
            await enter(septet, begun, device.sign(begun.options, origin_of(septet)))
        with pytest.raises(SecondFactorRequired) as asked:
            await sign_in(septet, ADA)
        assert asked.value.methods == ("passkey",)
        assert asked.value.passkey is not None
        credential = device.sign(asked.value.passkey, origin_of(septet))
        body = SecondFactorProof(challenge=asked.value.challenge, passkey=credential)
        reply = await call(septet, "answer_second_factor", body=body)
        assert (await septet.runtime.authentication.who(reply.access_token)).factors == 2
        with pytest.raises(WrongPasskey):  # its count has moved on
            await call(septet, "answer_second_factor", body=await _asked_anew(septet, credential))


async def _asked_anew(septet: Septet, credential: dict[str, Any]) -> SecondFactorProof:
    with pytest.raises(SecondFactorRequired) as asked:
        await sign_in(septet, ADA)
    return SecondFactorProof(challenge=asked.value.challenge, passkey=credential)


async def test_it_proves_anew(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        grace = (await register(septet, GRACE)).access_token
        device = SoftPasskey()
        passkey = await add(septet, token, device)
        clock.advance(minutes=6)
        with pytest.raises(ProofRequired):
            await call(septet, "remove_passkey", token, id=passkey.id)
        with pytest.raises(NoSecondFactor):
            await call(septet, "begin_passkey_proof", grace)
        begun = await call(septet, "begin_passkey_proof", token)
        credential = device.sign(begun.options, origin_of(septet))
        proof = ProofAnew(passkey=PasskeyProof(challenge=begun.challenge, credential=credential))
        with pytest.raises(WrongPasskey):  # another's challenge
            await call(septet, "prove_anew", grace, body=proof)
        proven = await call(septet, "prove_anew", token, body=proof)
        with pytest.raises(WrongPasskey):
            await call(septet, "prove_anew", token, body=proof)
        await call(septet, "remove_passkey", proven.access_token, id=passkey.id)
        with pytest.raises(NotFound):
            await call(septet, "remove_passkey", proven.access_token, id=passkey.id)
        begun = await begin(septet)
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, device.sign(begun.options, origin_of(septet)))
        assert await sign_in(septet, ADA, PASSWORD)


async def test_a_challenge_is_answered_once(database_url: str, tmp_path: Path) -> None:
    """Sections 7.1 step 8 and 7.2 step 12."""
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        token = (await register(septet, ADA)).access_token
        device = SoftPasskey(counts=False)
        await add(septet, token, device)
        first, second = await begin(septet), await begin(septet)
        credential = device.sign(first.options, origin_of(septet))
        with pytest.raises(WrongPasskey):
            await enter(septet, second, credential)
        assert await enter(septet, first, credential)
        with pytest.raises(WrongPasskey):
            await enter(septet, first, credential)
        late = await begin(septet)
        clock.advance(minutes=6)
        with pytest.raises(WrongPasskey):
            await enter(septet, late, device.sign(late.options, origin_of(septet)))
        registration = await call(septet, "begin_passkey", (await register(septet, GRACE)).access_token)
        with pytest.raises(WrongPasskey):  # a challenge is for one purpose
            await enter(septet, registration, device.sign({**late.options, **registration.options}, origin_of(septet)))


async def test_another_origin_or_another_domain_is_refused(tmp_path: Path) -> None:
    """Sections 7.1 steps 9 and 14, 7.2 steps 13 and 15."""
    async with front_door("", tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        begun = await call(septet, "begin_passkey", token)
        made = SoftPasskey().make(begun.options, "https://evil.example")
        with pytest.raises(WrongPasskey):
            await call(septet, "add_passkey", token, body=NewPasskey(challenge=begun.challenge, credential=made))
        device = SoftPasskey()
        await add(septet, token, device)
        begun = await begin(septet)
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, device.sign(begun.options, "https://evil.example"))
        begun = await begin(septet)
        device.rp_id = "evil.example"
        credential = device.sign({**begun.options, "rpId": "evil.example"}, origin_of(septet))
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, credential)


async def test_a_copy_is_noticed_by_its_count_and_zero_is_legal(database_url: str, tmp_path: Path) -> None:
    """Section 6.1.1: signature counters."""
    async with front_door(database_url, tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        device = SoftPasskey()
        await add(septet, token, device)
        copied = device.copied()
        for _ in range(2):
            begun = await begin(septet)
            assert await enter(septet, begun, device.sign(begun.options, origin_of(septet)))
        begun = await begin(septet)
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, copied.sign(begun.options, origin_of(septet)))
        assert "its count had gone back" in " ".join((await mails_to(septet, ADA))[-1].split())
        uncounted = SoftPasskey(counts=False)
        await add(septet, await both_factors(septet, device), uncounted)
        for _ in range(2):
            begun = await begin(septet)
            assert await enter(septet, begun, uncounted.sign(begun.options, origin_of(septet)))


async def test_a_passkey_belongs_to_one_account(database_url: str, tmp_path: Path) -> None:
    """Sections 7.1 step 26 and 7.2 step 6."""
    async with front_door(database_url, tmp_path) as septet:
        ada = (await register(septet, ADA)).access_token
        grace = (await register(septet, GRACE)).access_token
        device = SoftPasskey(verifies=False)
        passkey = await add(septet, ada, device)
        begun = await call(septet, "begin_passkey", grace)
        device_again = device.copied()
        device_again.cred_init = lambda rp, user: None
        made = device_again.make(begun.options, origin_of(septet))
        with pytest.raises(WrongPasskey, match="known here"):
            await call(septet, "add_passkey", grace, body=NewPasskey(challenge=begun.challenge, credential=made))
        await add(septet, grace, SoftPasskey())
        with pytest.raises(SecondFactorRequired) as asked:
            await sign_in(septet, GRACE)
        assert asked.value.passkey is not None
        credential = device.sign(asked.value.passkey, origin_of(septet))
        body = SecondFactorProof(challenge=asked.value.challenge, passkey=credential)
        with pytest.raises(WrongPasskey):
            await call(septet, "answer_second_factor", body=body)
        with pytest.raises(NotFound):
            await call(septet, "rename_passkey", grace, id=passkey.id, body=PasskeyChanges(name="Mine"))


BROKEN: tuple[dict[str, Any], ...] = (
    {},
    {"rawId": 7},
    {"rawId": ""},
    {"rawId": "!!!", "id": "!!!"},
    {"rawId": "AA", "response": []},
    {"rawId": "AA", "id": "AA", "type": "public-key", "response": {"userHandle": 3}},
    {"rawId": "A" * 5000, "id": "A" * 5000, "type": "public-key", "response": {"clientDataJSON": "e30"}},
)


@pytest.mark.parametrize("number", range(len(BROKEN)))
async def test_what_is_no_credential_is_refused(tmp_path: Path, number: int) -> None:
    async with front_door("", tmp_path) as septet:
        token = (await register(septet, ADA)).access_token
        device = SoftPasskey()
        await add(septet, token, device)
        begun = await begin(septet)
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, BROKEN[number])
        whole = device.sign(begun.options, origin_of(septet))
        with pytest.raises(WrongPasskey):
            await enter(septet, begun, {**whole, **BROKEN[number]} if number else {**whole, "response": {}})
        stronger = await both_factors(septet, device)
        begun = await call(septet, "begin_passkey", stronger)
        body = NewPasskey(challenge=begun.challenge, credential=BROKEN[number])
        with pytest.raises(WrongPasskey):
            await call(septet, "add_passkey", stronger, body=body)
        assert msgspec.json.encode(begun.options)
