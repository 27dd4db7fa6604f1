"""API keys: what they may do, how they are kept, and their end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septet.core.errors import Forbidden, Invalid, NotFound, ProofRequired, Unauthenticated
from septet.core.ids import new_id
from septet.identity.api_keys.secrets import new_key, read_id
from septet.identity.api_keys.types import ApiKeyCreated, ApiKeyId, NewApiKey
from septet.identity.problems import TooManyApiKeys
from septet.identity.settings import EmailVerification
from septet.identity.tasks import sweep_expired
from septet.identity.types import AddressOnly, MeChanges, NewAccount, SignInCode
from support.app import Clock
from support.asgi import call as request
from support.oauth import basic, post, provider, register_client
from support.people import ADA, GRACE, PASSWORD, call, front_door, last_code, mails_to, register, sign_in
from support.sql import execute


async def _make(septet: object, token: str, scope: str = "identity:read", **values: object) -> ApiKeyCreated:
    body = NewApiKey(name="Backup script", scope=scope, **values)  # type: ignore[arg-type]
    made = await call(septet, "create_api_key", token, body=body)  # type: ignore[arg-type]
    assert isinstance(made, ApiKeyCreated)
    return made


async def test_it_opens_every_door_as_far_as_it_may(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        made = await _make(septet, ada)
        key = made.api_key
        assert (await request(septet.asgi, "GET", "/v1/identity/me", token=key)).body["email"] == ADA
        asked = await request(septet.asgi, "GET", "/graphql?query={readMe{email}}", token=key)
        assert asked.body == {"data": {"readMe": {"email": ADA}}}
        with pytest.raises(Forbidden, match="identity:write"):
            await call(septet, "change_me", key, body=MeChanges(name="Eve"))
        with pytest.raises(Forbidden, match="identity:admin"):
            await call(septet, "list_accounts", key)
        assert any("API key" in text for text in await mails_to(septet, ADA))


async def test_it_proves_nothing(tmp_path: Path) -> None:
    """Whoever finds one makes no other, lets no client in, and deletes nobody."""
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        made = await _make(septet, ada.access_token, "identity:read identity:write")
        with pytest.raises(ProofRequired):
            await _make(septet, made.api_key)
        for name in ("delete_me", "export_me"):
            with pytest.raises(ProofRequired):
                await call(septet, name, made.api_key)


async def test_nobody_gives_what_they_have_not(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        grace = await register(septet, GRACE)
        with pytest.raises(Invalid, match="identity:admin"):
            await _make(septet, grace.access_token, "identity:admin")


async def test_what_its_owner_loses_it_loses(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        made = await _make(septet, ada, "identity:admin identity:read")
        await call(septet, "list_accounts", made.api_key)
        execute(database_url, "DELETE FROM identity_role_grant")
        clock.advance(seconds=31)
        with pytest.raises(Forbidden):
            await call(septet, "list_accounts", made.api_key)
        execute(database_url, "UPDATE identity_account SET suspended_at = created_at")
        clock.advance(seconds=31)
        with pytest.raises(Unauthenticated, match="suspended"):
            await call(septet, "read_me", made.api_key)


async def test_its_secret_is_in_no_table(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        made = await _make(septet, (await register(septet, ADA)).access_token)
        rows = str(execute(database_url, "SELECT * FROM identity_api_key"))
        assert made.api_key[42:106] not in rows
        assert made.api_key.startswith(made.key.begins)


async def test_taken_away_it_is_refused_at_once(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        made = await _make(septet, ada.access_token)
        await call(septet, "read_me", made.api_key)
        with pytest.raises(NotFound):
            await call(septet, "remove_api_key", grace.access_token, id=made.key.id)
        await call(septet, "remove_api_key", ada.access_token, id=made.key.id)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", made.api_key)
        assert await call(septet, "list_api_keys", ada.access_token) == []


async def test_it_expires(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        ada = (await register(septet, ADA)).access_token
        brief, lasting = await _make(septet, ada, expires_in_days=1), await _make(septet, ada, expires_in_days=None)
        clock.advance(hours=23, minutes=59)
        await call(septet, "read_me", brief.api_key)
        clock.advance(minutes=1)
        with pytest.raises(Unauthenticated, match="expired"):
            await call(septet, "read_me", brief.api_key)
        clock.advance(days=31)
        await septet.runtime.context().write(sweep_expired)
        ada = (await sign_in(septet, ADA)).access_token
        assert [key.id for key in await call(septet, "list_api_keys", ada)] == [lasting.key.id]
        await call(septet, "read_me", lasting.api_key)


async def test_its_use_is_seen_and_seldom_written(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        made = await _make(septet, (await register(septet, ADA)).access_token)
        assert made.key.used_at is None
        seen = set()
        for _ in range(8):
            await call(septet, "read_me", made.api_key)
            ((used_at,),) = execute(database_url, "SELECT used_at FROM identity_api_key")
            seen.add(used_at)
            clock.advance(seconds=60)
        assert len(seen) == 2
        assert None not in seen


async def test_of_an_account_that_a_stranger_prepared_none_is_left(database_url: str, tmp_path: Path) -> None:
    """Where addresses are not verified: whoever proves to read the mail has the account alone."""
    async with front_door(database_url, tmp_path, email_verification=EmailVerification.OFF) as septet:
        stranger = await call(septet, "register", body=NewAccount(email=ADA, password=PASSWORD))
        made = await _make(septet, stranger.access_token)
        sent = await call(septet, "request_sign_in_code", body=AddressOnly(email=ADA))
        body = SignInCode(code=await last_code(septet, ADA))
        await call(septet, "sign_in_with_code", id=sent.id, body=body)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", made.api_key)


async def test_there_are_not_endlessly_many(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = (await register(septet, ADA)).access_token
        for _ in range(50):
            await _make(septet, ada)
        with pytest.raises(TooManyApiKeys):
            await _make(septet, ada)


async def test_a_gateway_may_ask_what_it_is_worth(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        made = await _make(septet, ada)
        gateway = await register_client(septet, ada, scope="identity:introspect")
        other = await register_client(septet, ada)
        told = (await post(septet, "introspect", basic(gateway), token=made.api_key)).body
        assert (told["active"], told["scope"]) == (True, "identity:read")
        assert (await post(septet, "introspect", basic(other), token=made.api_key)).body == {"active": False}
        assert (await post(septet, "revoke", basic(gateway), token=made.api_key)).status == 200
        await call(septet, "read_me", made.api_key)  # it is not the client's to give back


@given(text=st.text(max_size=120) | st.from_regex(r"septet_ak_[0-9a-f]{104}", fullmatch=True))
def test_what_is_no_key_is_recognised_without_looking(text: str) -> None:
    key = new_key(ApiKeyId(new_id()))
    assert read_id(key) is not None
    assert read_id(text) is None or text[:-8] == key[:-8] or len(text) == len(key)
    for place in (12, 60, len(key) - 1):
        changed = key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :]
        assert read_id(changed) is None
