"""Suspended accounts: who may do it, and all that ends with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Conflict, Forbidden, NotFound, ProofRequired, Unauthenticated
from septet.core.ids import new_id
from septet.identity.api_keys.types import NewApiKey
from septet.identity.problems import AccountSuspended, InvalidRefreshToken
from support.app import Clock
from support.asgi import call as request
from support.browser import Browser
from support.oauth import as_client, code_for, exchange, provider, register_app, tokens_for
from support.people import ADA, GRACE, PASSWORD, call, refresh, register, sign_in


async def test_all_that_acts_for_it_ends(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        key = await call(septet, "create_api_key", grace.access_token, body=NewApiKey(name="x", scope="identity:read"))
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(GRACE, PASSWORD)
        app = await tokens_for(septet, browser, created)
        waiting = await code_for(browser, created)
        for token in (grace.access_token, key.api_key, app["access_token"]):
            await call(septet, "read_me", token)
        told = await call(septet, "suspend_account", ada, id=grace.account.id)
        assert told.suspended_at is not None
        for token in (grace.access_token, key.api_key, app["access_token"]):
            with pytest.raises(Unauthenticated):
                await call(septet, "read_me", token)
        assert (await browser.get("/v1/identity/me")).status == 401
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, grace.refresh_token)
        fields = {"grant_type": "refresh_token", "refresh_token": app["refresh_token"]}
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"
        assert (await exchange(septet, created, waiting)).body["error"] == "invalid_grant"
        with pytest.raises(AccountSuspended):
            await sign_in(septet, GRACE)
        await call(septet, "lift_suspension", ada, id=grace.account.id)
        assert (await call(septet, "read_suspension", ada, id=grace.account.id)).suspended_at is None
        await sign_in(septet, GRACE)


async def test_its_keys_work_again_once_it_is_lifted(tmp_path: Path) -> None:
    clock = Clock()
    async with provider("", tmp_path, clock=clock) as (septet, ada):
        grace = await register(septet, GRACE)
        key = await call(septet, "create_api_key", grace.access_token, body=NewApiKey(name="x", scope="identity:read"))
        await call(septet, "suspend_account", ada, id=grace.account.id)
        await call(septet, "lift_suspension", ada, id=grace.account.id)
        clock.advance(minutes=11)
        await call(septet, "read_me", key.api_key)


async def test_who_may(tmp_path: Path) -> None:
    clock = Clock()
    async with provider("", tmp_path, clock=clock) as (septet, ada):
        grace = await register(septet, GRACE)
        me = await call(septet, "read_me", ada)
        with pytest.raises(Forbidden):
            await call(septet, "suspend_account", grace.access_token, id=me.id)
        with pytest.raises(Conflict):
            await call(septet, "suspend_account", ada, id=me.id)
        for name in ("suspend_account", "lift_suspension", "read_suspension"):
            with pytest.raises(NotFound):
                await call(septet, name, ada, id=new_id())
        clock.advance(minutes=6)
        with pytest.raises(ProofRequired):
            await call(septet, "suspend_account", ada, id=grace.account.id)


async def test_what_happened_is_told_to_who_may_know(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        await call(septet, "suspend_account", ada, id=grace.account.id)
        await call(septet, "lift_suspension", ada, id=grace.account.id)
        token = (await sign_in(septet, GRACE)).access_token
        own = (await request(septet.asgi, "GET", "/v1/identity/me/audit", token=token)).body["items"]
        assert [entry["action"] for entry in own[:3]] == ["sign_in", "suspension_lift", "account_suspend"]
        assert (own[0]["address"], own[1]["address"], own[1]["by_you"]) == ("203.0.113.7", "", False)
        assert all("actor_id" not in entry for entry in own)
        (me,) = [it for it in (await call(septet, "list_accounts", ada)).items if it.email == ADA]
        about = await call(septet, "list_audit_of_account", ada, id=grace.account.id)
        assert about.items[1].actor_id == me.id
        everything = await call(septet, "list_audit", ada, limit=100)
        assert {entry.account_id for entry in everything.items} >= {me.id, grace.account.id}
        for name, values in (("list_audit", {}), ("list_audit_of_account", {"id": me.id})):
            with pytest.raises(Forbidden):
                await call(septet, name, token, **values)
