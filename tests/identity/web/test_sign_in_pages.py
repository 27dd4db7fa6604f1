"""The pages for signing in and out, by a browser without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.app import Clock
from support.asgi import call as request
from support.browser import Browser
from support.oauth import provider
from support.people import ADA, GRACE, MALLORY, PASSWORD, last_code, register
from support.sql import execute


async def test_by_password(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/sign-in?continue=/docs%3Fx=1")
        assert "no-store" in str(browser.answer.header("cache-control"))
        assert "form-action 'self'" in str(browser.answer.header("content-security-policy"))
        await browser.submit(email=ADA, password=PASSWORD)
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs?x=1")
        await browser.get("/identity/sign-in?continue=/docs")
        assert ADA in browser.page.text
        assert "/docs" in browser.page.links


async def test_a_wrong_password_is_told_and_not_shown(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        for email in (ADA, MALLORY):
            browser = Browser(septet)
            await browser.get("/identity/sign-in?continue=/docs")
            await browser.submit(email=email, password="wrong horse battery")
            assert (browser.answer.status, browser.cookies) == (401, {})
            assert "do not belong together" in browser.page.text
            assert browser.page.forms[0].fields == {"continue": "/docs", "email": email, "password": ""}
            assert b"wrong horse" not in browser.answer.raw


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/sign-in")
        await browser.submit(email=ADA)
        assert browser.answer.status == 422
        assert b'aria-invalid="true"' in browser.answer.raw


async def test_by_a_code_in_a_mail(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/sign-in?continue=/docs")
        await browser.submit(email=ADA, by="code")
        await browser.submit(code="00000000")
        assert browser.answer.status == 422
        await browser.submit(code=await last_code(septet, ADA))
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs")
        assert (await browser.get("/v1/identity/me")).body["email"] == ADA


async def test_a_code_for_nobody_looks_the_same(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        shown = []
        for email in (ADA, MALLORY):
            browser = Browser(septet)
            await browser.get("/identity/sign-in")
            await browser.submit(email=email, by="code")
            shown.append((browser.answer.status, browser.page.text))
        assert shown[0] == shown[1]


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
async def test_nobody_is_signed_in_by_another_site(tmp_path: Path, site: str | None) -> None:
    """Login CSRF: a stranger's page must not sign its visitor in to the stranger's account."""
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        for path in ("", "/code", "/second-factor", "/passkey"):
            fields = {"email": ADA, "password": PASSWORD}
            await browser.post(f"/identity/sign-in{path}", fields, site=site)
            assert (browser.answer.status, browser.answer.code, browser.cookies) == (403, "cross_site", {})
        await browser.post("/identity/sign-out", {}, site=site)
        assert browser.answer.status == 403


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\evil.example",
        "javascript:alert(1)",
        "/\tx",
        "/ x",
        "/\r\nset-cookie: a=b",
        "",
        "/" + "x" * 9000,
        "/é",
    ],
)
async def test_no_link_leads_away(tmp_path: Path, wanted: str) -> None:
    """Open redirects (CWE-601)."""
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.post("/identity/sign-in", {"email": ADA, "password": PASSWORD, "continue": wanted})
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/")


async def test_in_german(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet, "fr, de-AT;q=0.9, en;q=0.1")
        await browser.get("/identity/sign-in")
        assert browser.page.lang == "de"
        await browser.submit(email=ADA, password="wrong horse battery")
        assert "gehören nicht zusammen" in browser.page.text


async def test_what_is_typed_is_shown_as_text(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.post("/identity/sign-in", {"email": '"><script>alert(1)</script>', "password": "x"})
        assert b"<script>alert" not in browser.answer.raw


async def test_tries_are_limited_as_those_of_the_operation(tmp_path: Path) -> None:
    async with provider("", tmp_path, limits=True) as (septet, _):
        browser = Browser(septet)
        statuses = []
        for _ in range(31):
            await browser.post("/identity/sign-in", {"email": MALLORY, "password": "wrong horse battery"})
            statuses.append(browser.answer.status)
        assert statuses[-1] == 429
        assert browser.answer.header("retry-after")
        by_api = await request(
            septet.asgi, "POST", "/v1/identity/sessions", json={"email": GRACE, "password": "wrong horse battery"}
        )
        assert by_api.status in {401, 429}


async def test_a_suspended_account_is_signed_out(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        await register(septet, GRACE)
        browser = Browser(septet)
        await browser.sign_in(GRACE, PASSWORD)
        execute(database_url, "UPDATE identity_account SET suspended_at = created_at WHERE email = 'grace@example.org'")
        clock.advance(seconds=31)
        assert (await browser.get("/v1/identity/me")).status == 401
