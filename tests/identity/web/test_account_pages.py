"""One's own account in a browser without scripts: shown, changed, proven anew, taken along, deleted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyotp
import pytest

from septet.app import Septet
from septet.identity.api_keys.types import NewApiKey
from septet.identity.web.account_forms import FORMS, TOLD
from support.app import Clock
from support.browser import Browser
from support.oauth import code_for, provider, register_app
from support.people import GRACE, MALLORY, OTHER_PASSWORD, PASSWORD, call, last_code, register, sign_in

PAGE = "/identity/account"


async def _grace(septet: Septet) -> Browser:
    await register(septet, GRACE, name="Grace")
    browser = Browser(septet)
    await browser.sign_in(GRACE, PASSWORD)
    await browser.get(PAGE)
    return browser


async def _do(browser: Browser, do: str, **fields: str) -> None:
    await browser.post(PAGE, {"do": do, **fields})


async def _id_beside(browser: Browser, do: str) -> str:
    """The id in the first form of the account's page that does this."""
    await browser.get(PAGE)
    return next(form.fields["id"] for form in browser.page.forms if form.fields.get("do") == do)


async def _prove(browser: Browser, **fields: str) -> None:
    assert browser.answer.header("location") == "/identity/account/proof?continue=%2Fidentity%2Faccount"
    await browser.follow()
    await browser.submit(**fields)


async def test_who_is_not_signed_in_does_that_first(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = Browser(septet)
        for path in (PAGE, f"{PAGE}/export", f"{PAGE}/proof?continue=/identity/account"):
            await browser.get(path)
            assert (browser.answer.header("location") or "").startswith("/identity/sign-in?continue=")
        await _do(browser, "delete")
        assert (browser.answer.header("location") or "").startswith("/identity/sign-in?continue=")


async def test_it_shows_what_there_is(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        browser = await _grace(septet)
        grace = await sign_in(septet, GRACE)
        await call(septet, "create_api_key", grace.access_token, body=NewApiKey(name="Backup", scope="identity:read"))
        await code_for(browser, await register_app(septet, ada))
        await browser.get(PAGE)
        for shown in (GRACE, "an unknown program", "Backup", "Calendar", "api_key_add"):
            assert shown in browser.page.text
        assert "no-store" in str(browser.answer.header("cache-control"))


async def test_name_and_language(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = await _grace(septet)
        await browser.submit(name="Grace Hopper", locale="de")
        await browser.follow()
        assert browser.page.lang == "de"
        assert "Ihr Konto wurde geändert." in browser.page.text
        await browser.submit(name="", locale="en")
        assert (await browser.get("/v1/identity/me")).body["name"] is None
        await _do(browser, "profile", name="x", locale="not a language!")
        assert browser.answer.status == 422


async def test_sessions_end(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = await _grace(septet)
        await sign_in(septet, GRACE)
        before = len((await browser.get("/v1/identity/sessions")).body["items"])
        await _do(browser, "end-session", id=await _id_beside(browser, "end-session"))
        assert len((await browser.get("/v1/identity/sessions")).body["items"]) == before - 1
        await _do(browser, "end-others")
        assert len((await browser.get("/v1/identity/sessions")).body["items"]) == 1
        await _do(browser, "end-session", id="nonsense")
        assert browser.answer.status == 404


async def test_password_and_address(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = await _grace(septet)
        await _do(browser, "password", current_password="wrong horse battery", new_password=OTHER_PASSWORD)
        assert browser.answer.status == 422
        await _do(browser, "password", current_password=PASSWORD, new_password=OTHER_PASSWORD)
        assert browser.answer.header("location") == f"{PAGE}?done=password"
        await _do(browser, "email", email="grace@hopper.example", current_password=OTHER_PASSWORD)
        await browser.submit(code="00000000")
        assert browser.answer.status == 422
        await browser.submit(code=await last_code(septet, "grace@hopper.example"))
        assert browser.answer.header("location") == f"{PAGE}?done=email-code"
        assert (await sign_in(septet, "grace@hopper.example", OTHER_PASSWORD)).account.name == "Grace"


async def test_an_app_and_its_recovery_codes(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        browser = await _grace(septet)
        await _do(browser, "begin-totp")
        assert b"<svg" in browser.answer.raw
        found = re.search(r"\b[A-Z2-7]{32}\b", browser.page.text)
        assert found
        await browser.submit(code="000000")
        assert browser.answer.status == 422
        await browser.submit(code=pyotp.TOTP(found[0]).at(clock()))
        codes = re.findall(r"\b\w{4}(?:-\w{4}){3}\b", browser.page.text)
        assert len(codes) == 10
        await _do(browser, "remove-totp")  # the session knows of one factor only
        clock.advance(seconds=60)
        await _prove(browser, password=PASSWORD, code=pyotp.TOTP(found[0]).at(clock()))
        assert browser.answer.header("location") == PAGE
        await _do(browser, "recovery-codes")
        assert len(re.findall(r"\b\w{4}(?:-\w{4}){3}\b", browser.page.text)) == 10
        await _do(browser, "remove-totp")
        assert browser.answer.header("location") == f"{PAGE}?done=remove-totp"


async def test_keys_consents_and_links_are_taken_back(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        browser = await _grace(septet)
        await _do(browser, "add-key", name="Backup", scope="identity:read", expires_in_days="30")
        found = re.search(r"septet_ak_\S+", browser.page.text)
        assert found
        assert (await call(septet, "read_me", found[0])).email == GRACE
        await _do(browser, "remove-key", id=await _id_beside(browser, "remove-key"))
        assert (await browser.get("/v1/identity/me/api-keys")).body == []
        await _do(browser, "add-key", name="Backup", scope="nonsense")
        assert browser.answer.status == 422
        await code_for(browser, await register_app(septet, ada))
        await _do(browser, "take-consent-back", id=await _id_beside(browser, "take-consent-back"))
        assert (await browser.get("/v1/identity/me/consents")).body == []


async def test_an_old_proof_is_given_anew(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        browser = await _grace(septet)
        clock.advance(minutes=6)
        await _do(browser, "delete")
        await _prove(browser, password="wrong horse battery")
        assert browser.answer.status == 422
        await browser.submit(password=PASSWORD)
        assert browser.answer.header("location") == PAGE
        await _do(browser, "delete")
        assert "Your account is deleted" in browser.page.text
        assert browser.cookies == {}
        assert (await browser.get("/v1/identity/me")).status == 401


async def test_a_code_in_a_mail_proves_as_well(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, _):
        browser = await _grace(septet)
        clock.advance(minutes=6)
        await browser.get(f"{PAGE}/export")
        assert browser.answer.header("location") == "/identity/account/proof?continue=%2Fidentity%2Faccount%2Fexport"
        await browser.follow()
        await browser.submit(by="mail")
        await browser.submit(email_code=await last_code(septet, GRACE))
        assert browser.answer.header("location") == f"{PAGE}/export"


async def test_the_export_is_a_file(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = await _grace(septet)
        answer = await browser.get(f"{PAGE}/export")
        assert answer.header("content-disposition") == 'attachment; filename="my-account.json"'
        assert answer.body["systems"]["identity"]["identity_account"][0]["email"] == GRACE


async def test_no_other_site_sends_its_forms(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        browser = await _grace(septet)
        for site in ("cross-site", "same-site"):
            await browser.post(PAGE, {"do": "delete"}, site=site)
            assert browser.answer.status == 403
        await browser.post(f"{PAGE}/proof", {"password": PASSWORD}, site="cross-site")
        assert browser.answer.status == 403
        assert (await browser.get("/v1/identity/me")).status == 200


async def test_nothing_of_anothers_is_touched(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        browser = await _grace(septet)
        mallory = await register(septet, MALLORY)
        session = await call(septet, "list_sessions", mallory.access_token)
        await _do(browser, "end-session", id=str(session.items[0].id))
        assert browser.answer.status == 404
        assert (await call(septet, "read_me", mallory.access_token)).email == MALLORY
        assert MALLORY not in browser.page.text


@pytest.mark.parametrize("do", FORMS)
async def test_forms_that_make_no_sense_break_nothing(tmp_path: Path, do: str) -> None:
    if do in {"delete", "end-others", "begin-totp", "remove-totp"}:
        return  # they have no fields
    given: list[dict[str, Any]] = [{}, {"id": "x", "code": "x", "credential": "{", "expires_in_days": "never"}]
    async with provider("", tmp_path) as (septet, _):
        browser = await _grace(septet)
        for fields in given:
            await _do(browser, do, **fields)
            assert browser.answer.status in {303, 404, 422}


def test_whatever_leads_back_is_told() -> None:
    assert {do for do, form in FORMS.items() if form.shows is None} == TOLD.keys()
