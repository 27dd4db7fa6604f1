"""What a token is worth, told to those who may know; and giving one back."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Unauthenticated
from support.app import Clock
from support.oauth import basic, own_token, post, provider, register_client
from support.people import GRACE, call, refresh, register


async def test_what_a_token_says_while_it_holds(database_url: str, tmp_path: Path) -> None:
    """RFC 7662 section 2.2."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_client(septet, ada)
        token = await own_token(septet, created)
        told = (await post(septet, "introspect", basic(created), token=token, token_type_hint="nonsense")).body
        id = str(created.client.client_id)
        assert (told["active"], told["client_id"], told["sub"], told["token_type"]) == (True, id, id, "Bearer")
        assert (told["exp"] - told["iat"], told["scope"]) == (600, "identity:admin identity:read")
        clock.advance(minutes=11)
        late = await post(septet, "introspect", basic(created), token=token)
        assert (late.status, late.body) == (200, {"active": False})


async def test_of_others_tokens_only_who_may_learns_anything(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        nosy = await register_client(septet, ada)
        gateway = await register_client(septet, ada, scope="identity:introspect")
        theirs = await own_token(septet, nosy)
        for token in (grace.access_token, await own_token(septet, gateway)):
            assert (await post(septet, "introspect", basic(nosy), token=token)).body == {"active": False}
        assert (await post(septet, "introspect", basic(gateway), token=theirs)).body["active"] is True
        told = (await post(septet, "introspect", basic(gateway), token=grace.access_token)).body
        assert (told["sub"], told["acr"], told["amr"]) == (str(grace.account.id), "aal1", ["email"])
        assert "email" not in told
        await call(septet, "sign_out", grace.access_token, id="current")
        gone = await post(septet, "introspect", basic(gateway), token=grace.access_token)
        assert gone.body == {"active": False}


async def test_whatever_is_no_token_is_inactive_and_nothing_else(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        gateway = await register_client(septet, ada, scope="identity:introspect")
        grace = await register(septet, GRACE)
        for token in ("x", "a.b.c", "é", "x" * 9000, grace.refresh_token, str(gateway.client_secret)):
            answer = await post(septet, "introspect", basic(gateway), token=token)
            assert (answer.status, answer.body) == (200, {"active": False})
        missing = await post(septet, "introspect", basic(gateway))
        assert (missing.status, missing.body["error"]) == (400, "invalid_request")


async def test_nobody_asks_without_being_a_client(tmp_path: Path) -> None:
    """RFC 7662 section 2.1: or tokens could be guessed at; RFC 7009 section 2.1 the same."""
    async with provider("", tmp_path) as (septet, ada):
        for endpoint in ("introspect", "revoke"):
            answer = await post(septet, endpoint, token=ada)
            assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_a_token_that_was_given_back_holds_no_more(database_url: str, tmp_path: Path) -> None:
    """RFC 7009 section 2: that token, and no other of the client."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        token, other = await own_token(septet, created), await own_token(septet, created)
        for _ in range(2):
            answer = await post(septet, "revoke", basic(created), token=token, token_type_hint="access_token")
            assert (answer.status, answer.raw) == (200, b"")
        with pytest.raises(Unauthenticated):
            await call(septet, "list_accounts", token)
        assert (await post(septet, "introspect", basic(created), token=token)).body == {"active": False}
        assert (await post(septet, "introspect", basic(created), token=other)).body["active"] is True
        assert (await call(septet, "list_accounts", other)).items


async def test_of_others_tokens_none_is_revoked(database_url: str, tmp_path: Path) -> None:
    """RFC 7009 sections 2.1 and 2.2: nor is anything told."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created, other = await register_client(septet, ada), await register_client(septet, ada)
        grace = await register(septet, GRACE)
        theirs = await own_token(septet, other)
        for token in (theirs, grace.access_token, grace.refresh_token, "unknown"):
            answer = await post(septet, "revoke", basic(created), token=token)
            assert (answer.status, answer.raw) == (200, b"")
        assert (await call(septet, "list_accounts", theirs)).items
        assert await call(septet, "read_me", grace.access_token)
        assert await refresh(septet, grace.refresh_token)
        assert (await post(septet, "revoke", basic(created))).body["error"] == "invalid_request"
