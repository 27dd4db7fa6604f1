"""Sessions that live in a cookie: what it lets through, who may send it, and its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.identity.settings import IdentitySettings
from support.app import Clock
from support.asgi import assert_problem
from support.asgi import call as request
from support.browser import Browser
from support.oauth import provider
from support.people import ADA, PASSWORD, call
from support.sql import execute

JSON = ("content-type", "application/json")


async def test_a_cookie_signs_in_to_every_door(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet)
        assert (await browser.get("/v1/identity/me")).status == 401
        await browser.sign_in(ADA, PASSWORD)
        assert (await browser.get("/v1/identity/me")).body["email"] == ADA
        assert (await browser.get("/graphql?query={readMe{email}}")).body == {"data": {"readMe": {"email": ADA}}}


async def test_how_the_cookie_is_kept(tmp_path: Path) -> None:
    """RFC 6265bis section 4.1.3: __Host- over TLS; never readable for scripts, and not for other sites' posts."""
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        kept = browser.answer.header("set-cookie") or ""
        assert kept.startswith("septet-8000=septet_bs_")
        assert set(kept.split("; ")[1:]) == {"Path=/", "HttpOnly", "SameSite=Lax", f"Max-Age={180 * 86_400}"}
    async with provider("", tmp_path / "tls", public_url="https://id.example.org") as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        kept = browser.answer.header("set-cookie") or ""
        assert kept.startswith("__Host-septet=")
        assert "Secure" in kept.split("; ")
        assert "Domain" not in kept


@pytest.mark.parametrize(
    "headers",
    [
        (("sec-fetch-site", "cross-site"),),
        (("sec-fetch-site", "same-site"),),
        (("sec-fetch-site", "none"),),
        (("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8000")),
        (("origin", "https://evil.example"),),
        (("origin", "null"),),
        (),
    ],
)
async def test_no_other_site_changes_anything_by_it(tmp_path: Path, headers: tuple[tuple[str, str], ...]) -> None:
    """Cross-site request forgery, on REST and GraphQL."""
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        ((name, value),) = browser.cookies.items()
        cookie = ("cookie", f"other=1; {name}={value}")
        changed = await request(
            septet.asgi, "PATCH", "/v1/identity/me", cookie, JSON, *headers, body=b'{"name": "Mallory"}'
        )
        assert_problem(changed, 403, "cross_site")
        query = b'{"query": "mutation{signOutEverywhere}"}'
        asked = await request(septet.asgi, "POST", "/graphql", cookie, JSON, *headers, body=query)
        assert b"cross_site" in asked.raw
        read = await request(septet.asgi, "GET", "/v1/identity/me", cookie, *headers)
        assert read.body["name"] is None


@pytest.mark.parametrize("header", [("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8000")])
async def test_our_own_pages_may(tmp_path: Path, header: tuple[str, str]) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        ((name, value),) = browser.cookies.items()
        sent = (("cookie", f"{name}={value}"), JSON, header)
        changed = await request(septet.asgi, "PATCH", "/v1/identity/me", *sent, body=b'{"name": "Ada"}')
        assert changed.body["name"] == "Ada"


async def test_mcp_knows_no_cookie(tmp_path: Path) -> None:
    """An agent's door: what a page could reach by a cookie alone would be an agent's tool."""
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        ((name, value),) = browser.cookies.items()
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_me", "arguments": {}}}
        accept = ("accept", "application/json, text/event-stream")
        same = ("sec-fetch-site", "same-origin")
        told = await request(septet.asgi, "POST", "/mcp", ("cookie", f"{name}={value}"), accept, same, json=message)
        assert ADA.encode() not in told.raw


async def test_a_cookies_value_is_no_bearer_token(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await browser.get("/v1/identity/me")
        for shown in (*browser.cookies.values(), *(f" {value}" for value in browser.cookies.values())):
            answer = await request(septet.asgi, "GET", "/v1/identity/me", ("authorization", f"Bearer {shown}"))
            assert answer.status == 401


@pytest.mark.parametrize("value", ["", "septet_bs_", "septet_bs_AAAA", "x" * 4000, "septet_rt_" + "A" * 90])
async def test_a_made_up_one_is_as_none(tmp_path: Path, value: str) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        browser.cookies["septet-8000"] = value
        assert (await browser.get("/v1/identity/me")).status == 401
        assert (await browser.get("/identity/sign-in")).status == 200


async def test_signing_out_ends_it(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        former = dict(browser.cookies)
        await browser.get("/identity/sign-out")
        await browser.submit()
        assert (browser.answer.status, browser.cookies) == (303, {})
        browser.cookies = former
        assert (await browser.get("/v1/identity/me")).status == 401


async def test_signing_in_again_ends_the_former_session(database_url: str, tmp_path: Path) -> None:
    """Session fixation: whatever cookie was there before the login is worth nothing after it."""
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        former = dict(browser.cookies)
        await browser.sign_in(ADA, PASSWORD)
        assert browser.cookies != former
        assert execute(database_url, "SELECT count(*) FROM identity_session WHERE kind = 'browser'") == [(1,)]
        browser.cookies = former
        assert (await browser.get("/v1/identity/me")).status == 401


async def test_it_is_listed_and_ended_like_any_session(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        (here,) = [it for it in (await browser.get("/v1/identity/sessions")).body["items"] if it["current"]]
        await call(septet, "sign_out", ada, id=here["id"])
        assert (await browser.get("/v1/identity/me")).status == 401


async def test_it_ends_by_lack_of_use_and_lives_on_by_use(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    days = IdentitySettings().refresh_idle_days
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        for _ in range(3):
            clock.advance(days=days - 1)
            assert (await browser.get("/v1/identity/me")).status == 200
        clock.advance(days=days, seconds=1)
        assert (await browser.get("/v1/identity/me")).status == 401


async def test_use_is_written_down_seldom(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        seen = set()
        for _ in range(8):
            clock.advance(seconds=60)
            await browser.get("/v1/identity/me")
            seen.add(execute(database_url, "SELECT rotated_at FROM identity_session WHERE kind = 'browser'")[0])
        assert len(seen) == 2
