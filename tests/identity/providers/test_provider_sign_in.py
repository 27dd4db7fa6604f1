"""Signing in with others: who is let in, as whom, and what of a provider's lies is believed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest

from septet.app import Septet
from septet.core import outbound
from septet.core.context import Context
from septet.core.errors import Conflict, NotFound
from septet.identity.actors import find_actor
from septet.identity.settings import EmailVerification
from septet.identity.types import NewAccount
from support.browser import Browser
from support.lying_provider import CLIENT_ID, CLIENT_SECRET, Provider, lying_provider, send
from support.oauth import provider as running
from support.people import ADA, GRACE, PASSWORD, call, mails_to, register
from support.sql import execute


def _now() -> datetime:
    return datetime.now(timezone.utc)


@asynccontextmanager
async def _with(
    provider: Provider, database_url: str, folder: Path, **settings: Any
) -> AsyncIterator[tuple[Septet, str]]:
    named = {
        "provider_issuer": provider.issuer,
        "provider_client_id": CLIENT_ID,
        "provider_client_secret": CLIENT_SECRET,
        "provider_name": "Acme",
    }
    async with running(database_url, folder, clock=_now, **named, **settings) as (septet, ada):
        yield septet, ada


async def _come_back(browser: Browser, provider: Provider, **changes: str) -> None:
    """To the provider, which lets everybody in, and back."""
    await browser.get("/identity/sign-in/provider?continue=/docs")
    asked = parse_qs(urlsplit(browser.leaves_for).query)
    provider.nonce = asked["nonce"][0]
    back = {"code": "c", "state": asked["state"][0], **changes}
    await browser.get(f"/identity/sign-in/provider/callback?{urlencode(back)}")


async def test_a_new_person(database_url: str, tmp_path: Path) -> None:
    with lying_provider() as provider:
        async with _with(provider, database_url, tmp_path) as (septet, _):
            browser = Browser(septet)
            await browser.get("/identity/sign-in?continue=/docs")
            assert "Sign in with Acme" in browser.page.text
            await browser.get(next(link for link in browser.page.links if "provider" in link))
            asked = parse_qs(urlsplit(browser.leaves_for).query)
            assert asked["code_challenge_method"] == ["S256"]
            assert asked["redirect_uri"] == ["http://127.0.0.1:8000/identity/sign-in/provider/callback"]
            await _come_back(browser, provider)
            assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs")
            me = (await browser.get("/v1/identity/me")).body
            assert (me["email"], me["email_verified"], me["name"]) == (GRACE, True, "Grace")
            assert execute(database_url, "SELECT methods FROM identity_session WHERE kind = 'browser'") == [("fed",)]
            provider.claims = {"email": "moved@example.org"}  # their address elsewhere is another by now
            again = Browser(septet)
            await _come_back(again, provider)
            assert (await again.get("/v1/identity/me")).body["id"] == me["id"]


async def test_to_the_account_that_has_the_address_and_its_owner_is_told(database_url: str, tmp_path: Path) -> None:
    with lying_provider() as provider:
        async with _with(provider, database_url, tmp_path) as (septet, _):
            grace = await register(septet, GRACE)
            browser = Browser(septet)
            await _come_back(browser, provider)
            assert (await browser.get("/v1/identity/me")).body["id"] == str(grace.account.id)
            assert "account elsewhere" in (await mails_to(septet, GRACE))[-1]
            (link,) = (await browser.get("/v1/identity/me/provider-accounts")).body
            assert (link["issuer"], link["email"]) == (provider.issuer, GRACE)


async def test_who_waited_in_a_prepared_account_is_out(database_url: str, tmp_path: Path) -> None:
    """Pre-hijacking: an account of an address that nobody verified is its true owner's alone from now on."""
    with lying_provider() as provider:
        off = EmailVerification.OFF
        async with _with(provider, database_url, tmp_path, email_verification=off) as (septet, _):
            await call(septet, "register", body=NewAccount(email=GRACE, password=PASSWORD))
            await _come_back(Browser(septet), provider)
            stranger = Browser(septet)
            await stranger.sign_in(GRACE, PASSWORD)
            assert (stranger.answer.status, stranger.cookies) == (401, {})


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}, {"email": "x"}]
)
async def test_an_address_that_nobody_vouches_for_lets_nobody_in(
    database_url: str, tmp_path: Path, claims: dict[str, Any]
) -> None:
    with lying_provider() as provider:
        async with _with(provider, database_url, tmp_path) as (septet, _):
            await register(septet, GRACE)
            provider.claims = claims
            browser = Browser(septet)
            await _come_back(browser, provider)
            assert (browser.answer.status, "septet-8000" in browser.cookies) == (403, False)
            assert execute(database_url, "SELECT count(*) FROM identity_provider_account") == [(0,)]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": "soon"},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
    ],
)
async def test_an_id_token_that_is_not_for_us_now(tmp_path: Path, claims: dict[str, Any]) -> None:
    """OpenID Connect Core section 3.1.3.7."""
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            provider.claims = claims
            browser = Browser(septet)
            await _come_back(browser, provider)
            assert (browser.answer.status, "septet-8000" in browser.cookies) == (503, False)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_algorithms_are_pinned(tmp_path: Path, algorithm: str) -> None:
    """RFC 8725 sections 2.1 and 3.1."""
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            provider.algorithm = algorithm
            browser = Browser(septet)
            await _come_back(browser, provider)
            assert (browser.answer.status, "septet-8000" in browser.cookies) == (503, False)


async def test_an_answer_counts_only_in_the_browser_that_asked_and_once(tmp_path: Path) -> None:
    """RFC 6749 section 10.12, RFC 9207 section 2.4."""
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            asked = Browser(septet)
            await asked.get("/identity/sign-in/provider")
            state = parse_qs(urlsplit(asked.leaves_for).query)["state"][0]
            victim = Browser(septet)
            await victim.get(f"/identity/sign-in/provider/callback?code=c&state={state}")
            assert (victim.answer.status, victim.cookies) == (403, {})
            for changes in ({"state": "another"}, {"iss": "https://evil.example"}):
                browser = Browser(septet)
                await _come_back(browser, provider, **changes)
                assert (browser.answer.status, browser.cookies) == (403, {})
            assert "/token" not in provider.asked
            browser = Browser(septet)
            await _come_back(browser, provider)
            await browser.get(f"/identity/sign-in/provider/callback?code=c&state={state}")
            assert browser.answer.status == 403


def _huge(request: BaseHTTPRequestHandler) -> None:
    send(request, b'{"issuer": "' + b"x" * 20_000_000)


def _packed(request: BaseHTTPRequestHandler) -> None:
    send(request, b"x", content_encoding="gzip")


def _hanging(request: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def _trickling(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(20):
        request.wfile.write(b" ")
        time.sleep(0.1)


def _elsewhere(request: BaseHTTPRequestHandler) -> None:
    send(request, b"", 302, location="http://169.254.169.254/latest/meta-data/")


def _no_json(request: BaseHTTPRequestHandler) -> None:
    send(request, b"<html>")


def _another_shape(request: BaseHTTPRequestHandler) -> None:
    send(request, b"[1, 2]")


def _failing(request: BaseHTTPRequestHandler) -> None:
    send(request, b"{}", 500)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
@pytest.mark.parametrize(
    "answer", [_huge, _packed, _hanging, _trickling, _elsewhere, _no_json, _another_shape, _failing]
)
async def test_a_provider_that_is_out_of_its_mind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    """The person is told on a page, in time; everybody else goes on."""
    monkeypatch.setattr(outbound, "LONGEST_SECONDS", 0.5)
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            provider.answers[path] = answer
            browser = Browser(septet)
            began = time.monotonic()
            await browser.get("/identity/sign-in/provider")
            if path != "/.well-known/openid-configuration":
                await _come_back(browser, provider)
            assert browser.answer.status == 503
            assert "cannot be reached" in browser.page.text
            assert time.monotonic() - began < 5
            await browser.sign_in(ADA, PASSWORD)
            assert (await browser.get("/v1/identity/me")).status == 200


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/token", "https://10.0.0.1/token", "https://localhost/token", "http://example.org/"],
)
async def test_it_leads_us_nowhere_inside(tmp_path: Path, address: str) -> None:
    """Server-side request forgery (CWE-918), by what a provider says of itself."""
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            provider.metadata = {"token_endpoint": address}
            browser = Browser(septet)
            await _come_back(browser, provider)
            assert browser.answer.status == 503


async def test_another_issuer_than_the_one_that_was_named(tmp_path: Path) -> None:
    """OpenID Connect Discovery section 4.3."""
    with lying_provider() as provider:
        async with _with(provider, "", tmp_path) as (septet, _):
            provider.metadata = {"issuer": "https://evil.example"}
            browser = Browser(septet)
            await browser.get("/identity/sign-in/provider")
            assert browser.answer.status == 503


async def test_where_nobody_is_named_nobody_signs_in_with_them(tmp_path: Path) -> None:
    async with running("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/sign-in")
        assert "Sign in with Acme" not in browser.page.text
        await browser.get("/identity/sign-in/provider")
        assert browser.answer.status == 404


async def test_a_link_is_taken_away_but_not_the_only_way_in(database_url: str, tmp_path: Path) -> None:
    with lying_provider() as provider:
        async with _with(provider, database_url, tmp_path, sign_in_codes=False) as (septet, _):
            browser = Browser(septet)
            await _come_back(browser, provider)
            grace = Context(septet.runtime, await find_actor(septet.runtime, GRACE))
            unlink = septet.runtime.registry.operations["unlink_provider_account"]
            (link,) = (await browser.get("/v1/identity/me/provider-accounts")).body

            async def take_away(which: str) -> None:
                await septet.pipeline.call(grace, unlink, lambda: unlink.arguments_type(id=UUID(which)))

            with pytest.raises(Conflict):
                await take_away(link["id"])
            with pytest.raises(NotFound):
                await take_away("01890000-0000-7000-8000-000000000000")
            execute(database_url, "UPDATE identity_account SET password_hash = 'x' WHERE email = 'grace@example.org'")
            await take_away(link["id"])
            assert (await browser.get("/v1/identity/me/provider-accounts")).body == []
