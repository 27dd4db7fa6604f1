"""The pages for registering, for a forgotten password, and for the first administrator, without scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from septet.identity.administrators import first_token
from septet.identity.settings import EmailVerification
from support.app import running_septet
from support.browser import Browser
from support.oauth import provider
from support.people import (
    ADA,
    GRACE,
    KEYS,
    OTHER_PASSWORD,
    PASSWORD,
    begin_registration,
    last_code,
    mails_to,
    quick,
    register,
    sign_in,
)


async def _link_in_last_mail(septet: object, email: str) -> tuple[str, str]:
    """Path and secret."""
    found = re.search(r"https?://[^/]+(/\S+)#(\S+)", (await mails_to(septet, email))[-1])  # type: ignore[arg-type]
    assert found
    return found[1], found[2]


async def test_from_the_form_to_a_signed_in_browser(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = Browser(septet, "de")
        await browser.get("/identity/sign-in?continue=/docs")
        await browser.get(next(link for link in browser.page.links if "register" in link))
        await browser.submit(email=GRACE, name="Grace", password="short")
        assert browser.answer.status == 422
        assert b'aria-invalid="true"' in browser.answer.raw
        await browser.submit(email=GRACE, name="Grace", password=PASSWORD)
        assert GRACE in browser.page.text
        await browser.submit(code="00000000")
        assert browser.answer.status == 422
        await browser.submit(code=await last_code(septet, GRACE))
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs")
        me = (await browser.get("/v1/identity/me")).body
        assert (me["email"], me["name"], me["locale"]) == (GRACE, "Grace", "de")


async def test_a_taken_address_looks_the_same(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        shown = []
        for email in (ADA, GRACE):
            browser = Browser(septet)
            await browser.get("/identity/register")
            await browser.submit(email=email, password=PASSWORD)
            shown.append((browser.answer.status, browser.page.text.replace(email, "…")))
        assert shown[0] == shown[1]


async def test_where_no_address_is_verified_one_is_in_at_once(tmp_path: Path) -> None:
    async with provider("", tmp_path, email_verification=EmailVerification.OFF) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/register?continue=/docs")
        await browser.submit(email=GRACE, password=PASSWORD)
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs")
        await browser.get("/identity/register")
        await browser.submit(email=GRACE, password=PASSWORD)
        assert browser.answer.status == 409


async def test_the_link_confirms_and_signs_nobody_in(database_url: str, tmp_path: Path) -> None:
    """A stranger's link, to an account of theirs, must not sign its reader in there."""
    async with provider(database_url, tmp_path) as (septet, _):
        await begin_registration(septet, GRACE)
        path, secret = await _link_in_last_mail(septet, GRACE)
        browser = Browser(septet)
        for _ in range(2):  # scanners do that
            await browser.get(path)
        await browser.submit(secret=secret, password="short")
        assert browser.answer.status == 422
        assert browser.page.forms[0].fields["secret"] == secret
        await browser.submit(password=OTHER_PASSWORD)
        assert "confirmed" in browser.page.text
        assert browser.cookies == {}
        assert (await sign_in(septet, GRACE, OTHER_PASSWORD)).account.email == GRACE
        await browser.get(path)
        await browser.submit(secret=secret, password=PASSWORD)
        assert browser.answer.status == 422


async def test_a_forgotten_password_by_the_code(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        await register(septet, GRACE)
        browser = Browser(septet)
        await browser.get("/identity/forgotten")
        await browser.submit(email=GRACE)
        await browser.submit(code="00000000", password=OTHER_PASSWORD)
        assert browser.answer.status == 422
        await browser.submit(code=await last_code(septet, GRACE), password=OTHER_PASSWORD)
        assert "password is set" in browser.page.text
        await sign_in(septet, GRACE, OTHER_PASSWORD)


async def test_a_forgotten_password_by_the_link(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        await register(septet, GRACE)
        browser = Browser(septet)
        await browser.get("/identity/forgotten")
        await browser.submit(email=GRACE)
        path, secret = await _link_in_last_mail(septet, GRACE)
        await browser.get(path)
        await browser.submit(secret=secret, password=OTHER_PASSWORD)
        assert "password is set" in browser.page.text
        await sign_in(septet, GRACE, OTHER_PASSWORD)


async def test_a_forgotten_password_of_nobody_looks_the_same(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        shown = []
        for email in (ADA, GRACE):
            browser = Browser(septet)
            await browser.get("/identity/forgotten")
            await browser.submit(email=email)
            shown.append((browser.answer.status, browser.page.text))
        assert shown[0] == shown[1]


async def test_the_first_administrator(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, system_settings=[quick()], keys=KEYS) as septet:
        browser = Browser(septet)
        await browser.get("/identity/first-administrator")
        await browser.submit(secret="guessed", email=ADA, password=PASSWORD)
        assert browser.answer.status == 422
        assert browser.page.forms[0].fields["email"] == ADA
        await browser.submit(secret=first_token(septet.runtime.keys), email=ADA, password=PASSWORD)
        assert "You are the administrator" in browser.page.text
        assert browser.cookies == {}
        assert "identity:admin" in (await sign_in(septet, ADA)).scope
        await browser.get("/identity/first-administrator")
        await browser.submit(secret=first_token(septet.runtime.keys), email=GRACE, password=PASSWORD)
        assert browser.answer.status == 409


@pytest.mark.parametrize(
    "path", ["register", "register/code", "verify", "forgotten", "forgotten/code", "reset", "first-administrator"]
)
async def test_no_other_site_sends_these_forms(tmp_path: Path, path: str) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.post(f"/identity/{path}", {"email": GRACE, "password": PASSWORD}, site="cross-site")
        assert browser.answer.status == 403
        assert await mails_to(septet, GRACE) == []


@pytest.mark.parametrize("path", ["register/code", "verify", "forgotten/code", "reset"])
@pytest.mark.parametrize("given", [{}, {"id": "x", "secret": "x"}, {"secret": "x.y", "id": "", "code": "\x00"}])
async def test_forms_that_make_no_sense_are_refused_in_words(tmp_path: Path, path: str, given: dict[str, str]) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        await browser.post(f"/identity/{path}", given)
        assert browser.answer.status in {400, 404, 422}
