"""Devices without a keyboard (RFC 8628)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.identity.oauth.types import ClientAuthentication, ClientCreated, GrantType
from septet.identity.tasks import sweep_expired
from support.app import Clock
from support.asgi import Answer
from support.asgi import call as request
from support.browser import Browser
from support.oauth import PERSON, as_client, provider, register_app, register_client
from support.people import ADA, GRACE, PASSWORD, call, register
from support.sql import execute

URN = "urn:ietf:params:oauth:grant-type:device_code"


async def _register_tv(septet: Septet, ada: str, **values: Any) -> ClientCreated:
    return await register_client(
        septet,
        ada,
        **{
            "client_name": "Television",
            "scope": PERSON,
            "token_endpoint_auth_method": ClientAuthentication.NONE,
            "grant_types": [GrantType.DEVICE_CODE, GrantType.REFRESH_TOKEN],
            **values,
        },
    )


async def _begin(septet: Septet, tv: ClientCreated, **fields: str) -> dict[str, Any]:
    answer = await as_client(septet, "device_authorization", tv, **fields)
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, dict)
    return answer.body


async def _poll(septet: Septet, tv: ClientCreated, begun: dict[str, Any]) -> Answer:
    return await as_client(septet, "token", tv, grant_type=URN, device_code=begun["device_code"])


async def _signed_in(septet: Septet, email: str = ADA) -> Browser:
    browser = Browser(septet)
    await browser.sign_in(email, PASSWORD)
    return browser


async def test_the_whole_way(database_url: str, tmp_path: Path) -> None:
    """Sections 3.1 to 3.5; the code may be typed in any case, and the device gets its tokens once."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        tv = await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        base = septet.runtime.floor.base_url
        assert begun["verification_uri"] == f"{base}/identity/device"
        assert begun["verification_uri_complete"] == f"{base}/identity/device?user_code={begun['user_code']}"
        assert (begun["expires_in"], begun["interval"]) == (600, 5)
        assert (await _poll(septet, tv, begun)).body["error"] == "authorization_pending"
        browser = Browser(septet)
        await browser.get("/identity/device")
        await browser.follow()
        await browser.submit(email=ADA, password=PASSWORD)
        await browser.follow()
        await browser.submit(user_code=begun["user_code"].lower().replace("-", " "))
        assert "Television" in browser.page.text
        assert "Read your account and sessions." in browser.page.text
        await browser.submit(answer="yes")
        assert "connected" in browser.page.text
        clock.advance(seconds=5)
        tokens = await _poll(septet, tv, begun)
        assert tokens.body.keys() == {
            *("access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"),
        }
        me = await request(septet.asgi, "GET", "/v1/identity/me", token=tokens.body["access_token"])
        assert me.body["email"] == ADA
        assert (await _poll(septet, tv, begun)).body["error"] == "invalid_grant"
        (consent,) = await call(septet, "list_consents", ada)
        assert consent.client_name == "Television"


async def test_who_polls_too_fast_is_slowed_down(database_url: str, tmp_path: Path) -> None:
    """Section 3.5: each time by five seconds more."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        tv = await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        told = []
        for wait in (0, 5, 4, 9, 15):
            clock.advance(seconds=wait)
            told.append((await _poll(septet, tv, begun)).body["error"])
        pending, slow = "authorization_pending", "slow_down"
        assert told == [pending, pending, slow, slow, pending]


async def test_who_says_no(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        tv = await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        browser = await _signed_in(septet)
        await browser.get(f"/identity/device?user_code={begun['user_code']}")
        assert browser.page.forms[0].fields["user_code"] == begun["user_code"]
        await browser.submit()
        await browser.submit(answer="no")
        assert "refused" in browser.page.text
        assert (await _poll(septet, tv, begun)).body["error"] == "access_denied"
        assert execute(database_url, "SELECT count(*) FROM identity_session WHERE client_id IS NOT NULL") == [(0,)]


async def test_it_holds_for_ten_minutes(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        tv = await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        browser = await _signed_in(septet)
        clock.advance(minutes=10)
        assert (await _poll(septet, tv, begun)).body["error"] == "expired_token"
        await browser.post("/identity/device", {"user_code": begun["user_code"]})
        assert browser.answer.status == 422
        clock.advance(hours=2)
        await septet.runtime.context().write(sweep_expired)
        assert execute(database_url, "SELECT count(*) FROM identity_device_code") == [(0,)]


async def test_of_many_polls_one_gets_the_tokens(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        tv = await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        browser = await _signed_in(septet)
        await browser.post("/identity/device", {"user_code": begun["user_code"]})
        await browser.submit(answer="yes")
        answers = await asyncio.gather(*(_poll(septet, tv, begun) for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [200, *[400] * 9]


async def test_another_client_gets_nothing_by_it(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        tv, other = await _register_tv(septet, ada), await _register_tv(septet, ada)
        begun = await _begin(septet, tv)
        assert (await _poll(septet, other, begun)).body["error"] == "invalid_grant"
        for code in ("", "septet_dc_guessed", "x"):
            answer = await _poll(septet, tv, {"device_code": code})
            assert answer.body["error"] == ("invalid_grant" if code else "invalid_request")


@pytest.mark.parametrize(
    ("values", "fields", "error"),
    [
        ({"grant_types": [GrantType.AUTHORIZATION_CODE]}, {}, "unauthorized_client"),
        ({}, {"scope": "identity:admin"}, "invalid_scope"),
        ({}, {"scope": " "}, "invalid_scope"),
    ],
)
async def test_what_it_may_not_ask_for(
    tmp_path: Path, values: dict[str, Any], fields: dict[str, str], error: str
) -> None:
    async with provider("", tmp_path) as (septet, ada):
        tv = await register_app(septet, ada) if values else await _register_tv(septet, ada)
        refused = await as_client(septet, "device_authorization", tv, **fields)
        assert (refused.status, refused.body["error"]) == (400, error)


async def test_codes_are_not_guessed(tmp_path: Path) -> None:
    """Section 5.1."""
    async with provider("", tmp_path, limits=True) as (septet, _):
        browser = await _signed_in(septet)
        statuses = set()
        for number in range(61):
            await browser.post("/identity/device", {"user_code": f"BCDFGH{number:02}"})
            statuses.add(browser.answer.status)
        assert statuses == {422, 429}


async def test_nobody_answers_by_another_sites_form_or_for_another(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        tv = await _register_tv(septet, ada)
        await register(septet, GRACE)
        begun = await _begin(septet, tv)
        browser = await _signed_in(septet)
        await browser.post("/identity/device", {"user_code": begun["user_code"]})
        form = browser.page.forms[0]
        await browser.post(form.action, {**form.fields, "answer": "yes"}, site="cross-site")
        assert browser.answer.status == 403
        await browser.sign_in(GRACE, PASSWORD)
        await browser.post(form.action, {**form.fields, "answer": "yes"})
        assert browser.answer.status == 303
        assert execute(database_url, "SELECT state FROM identity_device_code") == [("pending",)]


async def test_nobodys_account_is_left_when_it_goes(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        tv = await _register_tv(septet, ada)
        grace = await register(septet, GRACE)
        browser = await _signed_in(septet, GRACE)
        begun = await _begin(septet, tv)
        await browser.post("/identity/device", {"user_code": begun["user_code"]})
        await browser.submit(answer="yes")
        await call(septet, "delete_me", grace.access_token)
        assert execute(database_url, "SELECT count(*) FROM identity_device_code") == [(0,)]
        assert execute(database_url, "SELECT count(*) FROM identity_consent") == [(0,)]
        assert (await _poll(septet, tv, begun)).body["error"] == "invalid_grant"
