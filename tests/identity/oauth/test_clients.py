"""Clients: who lets them in, what is kept of them, and their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from septet.core.errors import Conflict, Forbidden, Invalid, NotFound, ProofRequired, Unauthenticated
from septet.identity.oauth.types import ClientAuthentication, ClientChanges, NewClient
from support.app import Clock
from support.oauth import basic, own_token, post, provider, register_client
from support.people import GRACE, call, mails, register
from support.sql import execute


async def test_a_secret_is_shown_once_and_kept_as_a_hash(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        assert created.client_secret is not None
        assert created.client_secret.startswith("septet_cs_")
        shown = await call(septet, "read_client", ada, id=created.client.client_id)
        assert shown == created.client
        assert [c.client_id for c in (await call(septet, "list_clients", ada)).items] == [shown.client_id]
        ((kept,),) = execute(database_url, "SELECT secret_hash FROM identity_client")
        assert created.client_secret.encode() not in bytes(kept)
        assert len(bytes(kept)) == 32


async def test_only_an_administrator_who_just_proved_it_lets_one_in(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        body = NewClient(client_name="Report", scope="identity:read")
        grace = await register(septet, GRACE)
        with pytest.raises(Forbidden):
            await call(septet, "create_client", grace.access_token, body=body)
        with pytest.raises(Unauthenticated):
            await call(septet, "create_client", None, body=body)
        clock.advance(minutes=6)
        with pytest.raises(ProofRequired):
            await call(septet, "create_client", ada, body=body)
        assert execute(database_url, "SELECT count(*) FROM identity_client") == [(0,)]


async def test_a_client_makes_no_client(tmp_path: Path) -> None:
    """One whose secret leaked must not make itself another."""
    async with provider("", tmp_path) as (septet, ada):
        token = await own_token(septet, await register_client(septet, ada))
        with pytest.raises(ProofRequired):
            await call(septet, "create_client", token, body=NewClient(client_name="Twin", scope="identity:admin"))


async def test_scopes_that_are_none_are_refused(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        with pytest.raises(Invalid, match="no scope identity:fly"):
            await register_client(septet, ada, scope="identity:read identity:fly")


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": []},
        {"keys": "all"},
        {"keys": [{"kty": "EC"}]},
        {"keys": [OctKey.generate_key(256).as_dict()]},
        {"keys": [ECKey.generate_key("P-521", private=False).as_dict()]},
        {"keys": [ECKey.generate_key("P-256").as_dict(private=True)]},
        {"keys": [OKPKey.generate_key("X25519", private=False).as_dict()]},
        {"keys": [OKPKey.generate_key("Ed25519", private=False).as_dict()] * 11},
    ],
)
async def test_keys_that_are_private_shared_weak_or_none_are_refused(tmp_path: Path, keys: dict[str, Any]) -> None:
    async with provider("", tmp_path) as (septet, ada):
        with pytest.raises(Invalid):
            await register_client(
                septet, ada, token_endpoint_auth_method=ClientAuthentication.PRIVATE_KEY_JWT, jwks=keys
            )
        with pytest.raises(Invalid):
            await register_client(septet, ada, jwks={"keys": [RSAKey.generate_key(2048, private=False).as_dict()]})


async def test_a_new_secret_voids_the_old_one(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        renewed = await call(septet, "renew_client_secret", ada, id=created.client.client_id)
        old = await post(septet, "token", basic(created), grant_type="client_credentials")
        assert (old.status, old.body["error"]) == (401, "invalid_client")
        new = await post(septet, "token", basic(created, renewed.client_secret), grant_type="client_credentials")
        assert new.status == 200


async def test_one_with_keys_has_no_secret_to_renew(tmp_path: Path) -> None:
    keys = {"keys": [OKPKey.generate_key("Ed25519", private=False).as_dict()]}
    async with provider("", tmp_path) as (septet, ada):
        method = ClientAuthentication.PRIVATE_KEY_JWT
        created = await register_client(septet, ada, token_endpoint_auth_method=method, jwks=keys)
        assert created.client_secret is None
        with pytest.raises(Conflict):
            await call(septet, "renew_client_secret", ada, id=created.client.client_id)


async def test_a_scope_that_is_taken_away_is_gone_from_tokens_that_are_out(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_client(septet, ada)
        token = await own_token(septet, created)
        assert (await call(septet, "list_accounts", token)).items
        body = ClientChanges(scope="identity:read", client_name="Less")
        changed = await call(septet, "change_client", ada, id=created.client.client_id, body=body)
        assert (changed.scope, changed.client_name, changed.jwks) == ("identity:read", "Less", None)
        clock.advance(seconds=1)
        with pytest.raises(Forbidden):
            await call(septet, "list_accounts", token)


async def test_the_end_of_a_client_is_the_end_of_its_tokens_within_a_second(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_client(septet, ada)
        token = await own_token(septet, created)
        await call(septet, "delete_client", ada, id=created.client.client_id)
        clock.advance(seconds=1)
        with pytest.raises(Unauthenticated):
            await call(septet, "list_accounts", token)
        with pytest.raises(NotFound):
            await call(septet, "read_client", ada, id=created.client.client_id)
        refused = await post(septet, "token", basic(created), grant_type="client_credentials")
        assert refused.body["error"] == "invalid_client"


async def test_a_client_stays_when_who_let_it_in_is_erased(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        created = await register_client(septet, ada)
        exported = await call(septet, "export_me", ada)
        held = exported.systems["identity"]["identity_client"]
        assert [row["name"] for row in held] == ["Nightly report"]
        await call(septet, "grant_administrator", ada, id=grace.account.id)
        await call(septet, "delete_me", ada)
        await mails(septet)
        assert execute(database_url, "SELECT name, created_by FROM identity_client") == [("Nightly report", None)]
        assert await own_token(septet, created)
