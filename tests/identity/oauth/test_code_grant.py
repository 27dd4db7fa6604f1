"""Codes exchanged for tokens, the tokens themselves, refreshing them, and their end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from septet.core.errors import Forbidden
from septet.identity.oauth.types import ClientAuthentication, ClientChanges
from septet.identity.problems import InvalidRefreshToken
from septet.identity.tasks import sweep_expired
from support.app import Clock
from support.asgi import call as request
from support.browser import Browser
from support.oauth import (
    PERSON,
    REDIRECT,
    as_client,
    code_for,
    exchange,
    provider,
    register_app,
    tokens_for,
)
from support.people import ADA, GRACE, PASSWORD, call, mails_to, refresh, register
from support.sql import execute


async def test_what_a_client_gets(database_url: str, tmp_path: Path) -> None:
    """RFC 6749 section 5.1, RFC 9068, OpenID Connect Core sections 2 and 5.3."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        answer = await exchange(septet, created, await code_for(browser, created))
        assert "no-store" in str(answer.header("cache-control"))
        tokens = answer.body
        assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
        assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 600, PERSON)
        me = await request(septet.asgi, "GET", "/v1/identity/me", token=tokens["access_token"])
        keys = KeySet.import_key_set((await request(septet.asgi, "GET", "/oauth2/jwks")).body)
        read = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
        id, base = str(created.client.client_id), septet.runtime.floor.base_url
        claims = read.claims
        assert (claims["iss"], claims["sub"], claims["aud"], claims["nonce"]) == (base, me.body["id"], id, "a nonce")
        assert (claims["acr"], claims["amr"], claims["email"], claims["email_verified"]) == ("aal1", ["pwd"], ADA, True)
        assert claims["exp"] > claims["iat"] >= claims["auth_time"]
        access = jwt.decode(tokens["access_token"], keys, algorithms=["Ed25519"])
        assert (access.header["typ"], access.claims["client_id"], access.claims["sub"]) == ("at+jwt", id, me.body["id"])
        told = await request(septet.asgi, "GET", "/oauth2/userinfo", token=tokens["access_token"])
        assert told.body == {"sub": me.body["id"], "email": ADA, "email_verified": True, "locale": "en"}


async def test_a_client_may_do_what_it_was_granted_and_no_more(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        with pytest.raises(Forbidden, match="identity:write"):
            await call(septet, "sign_out_everywhere", tokens["access_token"])
        alone = await tokens_for(septet, browser, created, scope="identity:read")
        assert "id_token" not in alone
        told = await request(septet.asgi, "GET", "/oauth2/userinfo", token=alone["access_token"])
        assert (told.status, "insufficient_scope" in str(told.header("www-authenticate"))) == (403, True)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": ""}, "invalid_request"),
        ({"code": "septet_ac_guessed"}, "invalid_grant"),
        ({"code": "é"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"redirect_uri": "https://app.example.org/other"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "another-verifier-that-was-not-asked-with-at-all"}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
    ],
)
async def test_what_does_not_fit_is_refused(
    database_url: str, tmp_path: Path, changes: dict[str, str], error: str
) -> None:
    """RFC 6749 section 5.2, RFC 7636 section 4.6."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        code = await code_for(browser, created)
        refused = await exchange(septet, created, code, **changes)
        assert (refused.status, refused.body["error"]) == (400, error)
        assert (await exchange(septet, created, code)).status == 200  # a faulty try takes it from nobody


async def test_another_client_has_nothing_of_it(database_url: str, tmp_path: Path) -> None:
    """RFC 6749 section 4.1.3: bound to the client; and another's replay ends nothing."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created, other = await register_app(septet, ada), await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        code = await code_for(browser, created)
        assert (await exchange(septet, other, code)).body["error"] == "invalid_grant"
        tokens = (await exchange(septet, created, code)).body
        assert (await exchange(septet, other, code)).body["error"] == "invalid_grant"
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await as_client(septet, "token", other, **fields)).body["error"] == "invalid_grant"
        assert (await as_client(septet, "token", created, **fields)).status == 200


async def test_a_code_that_comes_again_ends_what_it_gave(database_url: str, tmp_path: Path) -> None:
    """RFC 6749 section 4.1.2, RFC 9700 section 4.5."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        code = await code_for(browser, created)
        tokens = (await exchange(septet, created, code)).body
        assert (await exchange(septet, created, code)).body["error"] == "invalid_grant"
        read = await request(septet.asgi, "GET", "/v1/identity/me", token=tokens["access_token"])
        assert read.status == 401
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"
        assert (await exchange(septet, created, code)).body["error"] == "invalid_grant"
        entries = execute(database_url, "SELECT outcome FROM identity_audit_entry WHERE action = 'code_replay'")
        assert entries == [("refused",)]


async def test_of_many_at_once_one_gets_the_tokens(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        code = await code_for(browser, created)
        answers = await asyncio.gather(*(exchange(septet, created, code) for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [200, *[400] * 19]
        assert {answer.body["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}
        kept = execute(database_url, "SELECT count(*) FROM identity_session WHERE client_id IS NOT NULL")
        assert kept in ([(0,)], [(1,)])  # where one of them came late, that was a replay


async def test_it_holds_for_a_minute(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        in_time, late = await code_for(browser, created), await code_for(browser, created)
        clock.advance(seconds=59)
        assert (await exchange(septet, created, in_time)).status == 200
        clock.advance(seconds=2)
        assert (await exchange(septet, created, late)).body["error"] == "invalid_grant"
        clock.advance(hours=2)
        await septet.runtime.context().write(sweep_expired)
        assert execute(database_url, "SELECT count(*) FROM identity_authorization_code") == [(0,)]


async def test_nobody_gets_tokens_for_a_suspended_account(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        await register(septet, GRACE)
        browser = Browser(septet)
        await browser.sign_in(GRACE, PASSWORD)
        code = await code_for(browser, created)
        execute(database_url, "UPDATE identity_account SET suspended_at = created_at WHERE email = 'grace@example.org'")
        assert (await exchange(septet, created, code)).body["error"] == "invalid_grant"


async def test_refresh_rotates_for_every_client(database_url: str, tmp_path: Path) -> None:
    """RFC 9700 section 4.14: public clients too; a copied one ends the session, with its mail."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_app(septet, ada, token_endpoint_auth_method=ClientAuthentication.NONE)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        first = await tokens_for(septet, browser, created)
        fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = await as_client(septet, "token", created, **fields)
        assert second.body["refresh_token"] != first["refresh_token"]
        assert (await as_client(septet, "token", created, **fields)).body == second.body  # the reply was lost
        clock.advance(seconds=30)
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"
        after = {"grant_type": "refresh_token", "refresh_token": second.body["refresh_token"]}
        assert (await as_client(septet, "token", created, **after)).body["error"] == "invalid_grant"
        assert "ended" in (await mails_to(septet, ADA))[-1]


async def test_an_access_token_that_may_less(tmp_path: Path) -> None:
    """RFC 6749 section 6: scope at a refresh narrows, and never widens."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created, scope="openid identity:read")
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        for wrong in ("identity:write", "openid email", " "):
            refused = await as_client(septet, "token", created, **fields, scope=wrong)
            assert (refused.status, refused.body["error"]) == (400, "invalid_scope")
        narrow = await as_client(septet, "token", created, **fields, scope="openid")
        assert narrow.body["scope"] == "openid"
        fields["refresh_token"] = narrow.body["refresh_token"]
        assert (await as_client(septet, "token", created, **fields)).body["scope"] == "openid identity:read"


async def test_a_clients_refresh_token_is_for_that_client(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, tokens["refresh_token"])
        own = await register(septet, GRACE)
        fields = {"grant_type": "refresh_token", "refresh_token": own.refresh_token}
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"
        await refresh(septet, own.refresh_token)


async def test_grants_that_a_client_was_not_registered_for(tmp_path: Path) -> None:
    """RFC 6749 section 5.2: unauthorized_client."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        refused = await as_client(septet, "token", created, grant_type="client_credentials")
        assert (refused.status, refused.body["error"]) == (400, "unauthorized_client")


async def test_a_refresh_token_is_told_of_and_given_back(database_url: str, tmp_path: Path) -> None:
    """RFC 7662 section 2.2, RFC 7009 section 2.1: with it goes the session, and every token of it."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created, other = await register_app(septet, ada), await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        told = (await as_client(septet, "introspect", created, token=tokens["refresh_token"])).body
        assert (told["active"], told["client_id"]) == (True, str(created.client.client_id))
        assert (await as_client(septet, "introspect", other, token=tokens["refresh_token"])).body == {"active": False}
        assert (await as_client(septet, "revoke", other, token=tokens["refresh_token"])).status == 200
        assert (await as_client(septet, "introspect", created, token=tokens["access_token"])).body["active"]
        assert (await as_client(septet, "revoke", created, token=tokens["refresh_token"])).status == 200
        for token in (tokens["refresh_token"], tokens["access_token"]):
            assert (await as_client(septet, "introspect", created, token=token)).body == {"active": False}


async def test_with_an_access_token_the_session_goes(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        assert (await as_client(septet, "revoke", created, token=tokens["access_token"])).status == 200
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"


async def test_a_public_client_asks_nothing_about_tokens(tmp_path: Path) -> None:
    """RFC 7662 section 2.1."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada, token_endpoint_auth_method=ClientAuthentication.NONE)
        assert (await as_client(septet, "introspect", created, token="x")).status == 401


async def test_a_deleted_client_has_nothing_left(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        await code_for(browser, created)
        await call(septet, "delete_client", ada, id=created.client.client_id)
        assert (await request(septet.asgi, "GET", "/v1/identity/me", token=tokens["access_token"])).status == 401
        for table in ("client", "consent", "authorization_code"):
            assert execute(database_url, f"SELECT count(*) FROM identity_{table}") == [(0,)]


async def test_what_a_client_lost_its_users_tokens_lose(tmp_path: Path) -> None:
    """A scope that is taken from the client is gone from what it refreshes."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        await call(septet, "change_client", ada, id=created.client.client_id, body=ClientChanges(scope="openid"))
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await as_client(septet, "token", created, **fields)).body["scope"] == "openid profile email"


async def test_userinfo_by_post_and_by_no_cookie(tmp_path: Path) -> None:
    """RFC 6750 sections 2.2 and 3, OpenID Connect Core section 5.3.1."""
    form = ("content-type", "application/x-www-form-urlencoded")
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        token = (await tokens_for(septet, browser, created))["access_token"]
        told = await request(septet.asgi, "POST", "/oauth2/userinfo", form, body=f"access_token={token}".encode())
        assert told.body["email"] == ADA
        for answer in (
            await browser.get("/oauth2/userinfo"),
            await browser.post("/oauth2/userinfo", {}),
            await browser.post("/oauth2/userinfo", {"access_token": " " + next(iter(browser.cookies.values()))}),
            await request(septet.asgi, "GET", "/oauth2/userinfo", token="x.y.z"),
        ):
            assert answer.status == 401
            assert "Bearer" in str(answer.header("www-authenticate"))


async def test_logout_by_the_client(database_url: str, tmp_path: Path) -> None:
    """RP-Initiated Logout 1.0 sections 2 and 3: with a hint that fits nobody is asked, and all of it ends."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await register_app(septet, ada, post_logout_redirect_uris=["https://app.example.org/bye?x=1"])
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        clock.advance(hours=3)  # an expired hint tells as much
        query = urlencode(
            {
                "id_token_hint": tokens["id_token"],
                "post_logout_redirect_uri": "https://app.example.org/bye?x=1",
                "state": "s",
            }
        )
        await browser.get(f"/oauth2/logout?{query}")
        assert browser.leaves_for == "https://app.example.org/bye?x=1&state=s"
        assert browser.cookies == {}
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await as_client(septet, "token", created, **fields)).body["error"] == "invalid_grant"
        assert execute(database_url, "SELECT count(*) FROM identity_session WHERE kind = 'browser'") == [(0,)]


async def test_logout_asks_where_it_is_not_certain_who_leaves(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada, post_logout_redirect_uris=["https://app.example.org/bye"])
        await register(septet, GRACE)
        grace = Browser(septet)
        await grace.sign_in(GRACE, PASSWORD)
        hint = (await tokens_for(septet, grace, created))["id_token"]
        for query in ("", f"?id_token_hint={hint}", "?id_token_hint=x.y.z"):
            browser = Browser(septet)
            await browser.sign_in(ADA, PASSWORD)
            await browser.get(f"/oauth2/logout{query}")
            assert browser.cookies
            form = browser.page.forms[0]
            await browser.post(form.action, form.fields, site="cross-site")
            assert (browser.answer.status, bool(browser.cookies)) == (403, True)
            await browser.post(form.action, form.fields)
            assert browser.cookies == {}
        assert (await grace.get("/v1/identity/me")).status == 200


@pytest.mark.parametrize("uri", ["https://evil.example/", REDIRECT, "javascript:alert(1)", ""])
async def test_logout_leads_to_no_address_that_is_not_the_clients(tmp_path: Path, uri: str) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada, post_logout_redirect_uris=["https://app.example.org/bye"])
        browser = Browser(septet)
        query = {"client_id": str(created.client.client_id), "post_logout_redirect_uri": uri}
        await browser.get(f"/oauth2/logout?{urlencode(query)}")
        assert (browser.answer.status, browser.answer.header("location")) == (400, None)


async def test_what_the_server_says_of_itself(tmp_path: Path) -> None:
    """RFC 8414 section 3.1 and OpenID Connect Discovery section 4: before an issuer's path, and behind it."""
    async with provider("", tmp_path, public_url="https://id.example.org/tenant") as (septet, _):
        told = []
        for path in (
            "/.well-known/oauth-authorization-server/tenant",
            "/.well-known/openid-configuration/tenant",
            "/tenant/.well-known/openid-configuration",
        ):
            told.append((await request(septet.asgi, "GET", path)).body)
        assert told[0] == told[1] == told[2]
        assert told[0]["issuer"] == "https://id.example.org/tenant"
        assert told[0]["code_challenge_methods_supported"] == ["S256"]
        assert told[0]["id_token_signing_alg_values_supported"] == ["RS256"]


async def test_a_signing_key_is_kept_sealed_and_made_once(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        answers = await asyncio.gather(*(request(septet.asgi, "GET", "/oauth2/jwks") for _ in range(5)))
        assert len({answer.raw for answer in answers}) == 1
        ((key_id, sealed),) = execute(database_url, "SELECT key_id, sealed_key FROM identity_signing_key")
        assert b"PRIVATE KEY" not in bytes(sealed)
        kinds: dict[str, Any] = {key["kid"]: key for key in answers[0].body["keys"]}
        assert kinds[f"rsa-{key_id}"]["alg"] == "RS256"
        assert not any("d" in key or "p" in key for key in answers[0].body["keys"])
        assert UUID(str((await call(septet, "read_me", _)).id))
