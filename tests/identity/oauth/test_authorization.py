"""The authorization endpoint: who asks, what the person is asked, and what goes back to the client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from septet.identity.oauth.types import ClientAuthentication
from support.app import Clock
from support.asgi import call as request
from support.browser import Browser
from support.oauth import (
    PERSON,
    REDIRECT,
    as_client,
    ask,
    asked_by,
    code_for,
    exchange,
    provider,
    register_app,
    register_client,
    tokens_for,
    told_to,
)
from support.people import ADA, GRACE, PASSWORD, call, register
from support.sql import execute


async def test_sign_in_agree_and_go_back(database_url: str, tmp_path: Path) -> None:
    """RFC 6749 section 4.1, RFC 9207: state comes back, and whose answer it is."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await ask(browser, created, login_hint=ADA)
        assert browser.page.forms[0].fields["email"] == ADA
        await browser.submit(password=PASSWORD)
        await browser.follow()
        assert "Calendar" in browser.page.text
        assert "Read your account and sessions." in browser.page.text
        await browser.submit(answer="yes")
        assert browser.leaves_for.startswith(f"{REDIRECT}?")
        told = told_to(browser.leaves_for)
        assert told.keys() == {"code", "state", "iss"}
        assert (told["state"], told["iss"]) == ("a state", septet.runtime.floor.base_url)
        await ask(browser, created)  # what was agreed to is not asked again
        assert browser.answer.status == 303
        assert "code" in told_to(browser.leaves_for)
        await ask(browser, created, prompt="consent")
        assert browser.answer.status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "01890000-0000-7000-8000-000000000000"},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": f"{REDIRECT}?x=1"},
        {"redirect_uri": f"{REDIRECT}#"},
        {"redirect_uri": "https://app.example.org/CALLBACK"},
        {"redirect_uri": "https://app.example.org:444/callback"},
        {"redirect_uri": "https://app.example.org@evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1/callback"},
        {"redirect_uri": "https://[/callback"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_clients(
    tmp_path: Path, changes: dict[str, str | None]
) -> None:
    """RFC 9700 section 2.1, RFC 6749 section 4.1.2.1."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.get(asked_by(created, **changes))
        assert (browser.answer.status, browser.answer.header("location")) == (400, None)
        assert "application" in browser.page.text
        assert not browser.page.refresh


async def test_a_parameter_that_is_repeated_is_refused(tmp_path: Path) -> None:
    """RFC 6749 section 3.1."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.get(f"{asked_by(created)}&{urlencode({'redirect_uri': 'https://evil.example/'})}")
        assert (browser.answer.status, browser.answer.header("location")) == (400, None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "identity:admin"}, "invalid_scope"),
        ({"scope": "openid fly"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "fly"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://app.example.org/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_other_errors_go_back_to_the_client(tmp_path: Path, changes: dict[str, str | None], error: str) -> None:
    """RFC 6749 section 4.1.2.1, RFC 7636 section 4.4.1, OpenID Connect Core section 3.1.2.6."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.get(asked_by(created, **changes))
        told = told_to(browser.leaves_for)
        assert told["error"] == error
        assert (told["state"], told["iss"]) == ("a state", septet.runtime.floor.base_url)


async def test_a_client_that_signs_nobody_in(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        browser = Browser(septet)
        await browser.get(asked_by(created))
        assert browser.answer.status == 400  # it has no address to go back to


async def test_who_says_no(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await ask(browser, created)
        await browser.submit(answer="no")
        assert told_to(browser.leaves_for)["error"] == "access_denied"
        assert execute(database_url, "SELECT count(*) FROM identity_consent") == [(0,)]


async def test_nobody_agrees_by_another_sites_form_or_for_another(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        await register(septet, GRACE)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await ask(browser, created)
        form = browser.page.forms[0]
        for site in ("cross-site", "same-site", None):
            await browser.post(form.action, {**form.fields, "answer": "yes"}, site=site)
            assert (browser.answer.status, browser.answer.code) == (403, "cross_site")
        await browser.sign_in(GRACE, PASSWORD)  # in another tab, while the question is still open
        await browser.post(form.action, {**form.fields, "answer": "yes"})
        assert (browser.answer.header("location") or "").startswith("/oauth2/authorize?")
        assert execute(database_url, "SELECT count(*) FROM identity_authorization_code") == [(0,)]


async def test_ask_silently(tmp_path: Path) -> None:
    """prompt=none (OpenID Connect Core section 3.1.2.1)."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await browser.get(asked_by(created, prompt="none"))
        assert told_to(browser.leaves_for)["error"] == "consent_required"
        await code_for(browser, created)
        await browser.get(asked_by(created, prompt="none"))
        assert "code" in told_to(browser.leaves_for)


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}])
async def test_ask_for_a_new_proof(tmp_path: Path, changes: dict[str, str]) -> None:
    """prompt=login and max_age (OpenID Connect Core section 3.1.2.1)."""
    clock = Clock()
    async with provider("", tmp_path, clock=clock) as (septet, ada):
        created = await register_app(septet, ada, trusted=True)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        clock.advance(seconds=90)
        await ask(browser, created, **changes)
        assert (browser.answer.status, browser.page.forms[0].action) == (200, "/identity/sign-in")
        assert ADA in browser.page.text
        clock.advance(seconds=5)
        await browser.submit(email=ADA, password=PASSWORD)
        await browser.follow()
        assert "code" in told_to(browser.leaves_for)


async def test_a_new_proof_that_is_not_given_leads_nowhere(tmp_path: Path) -> None:
    clock = Clock()
    async with provider("", tmp_path, clock=clock) as (septet, ada):
        created = await register_app(septet, ada, trusted=True)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        clock.advance(seconds=90)
        await ask(browser, created, prompt="login")
        await browser.get(browser.page.links[1])  # "Go on", as who is signed in already
        await browser.follow()
        assert browser.page.forms[0].action == "/identity/sign-in"


async def test_choose_an_account(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada, trusted=True)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await ask(browser, created, prompt="select_account")
        assert ADA in browser.page.text
        await browser.get(browser.page.links[1])
        assert "code" in told_to(browser.leaves_for)


async def test_ones_own_programs_ask_nobody(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada, trusted=True)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        await browser.get(asked_by(created))
        assert "code" in told_to(browser.leaves_for)


async def test_an_app_on_the_loopback_interface(database_url: str, tmp_path: Path) -> None:
    """RFC 8252 sections 7.3 and 8.6: any port, and the person is asked each time, for it may be another app."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(
            septet,
            ada,
            redirect_uris=["http://127.0.0.1/back", "org.example.app:/back"],
            token_endpoint_auth_method=ClientAuthentication.NONE,
        )
        assert created.client_secret is None
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        for _ in range(2):
            await ask(browser, created, redirect_uri="http://127.0.0.1:51004/back")
            await browser.submit(answer="yes")
            assert browser.leaves_for.startswith("http://127.0.0.1:51004/back?")
        await ask(browser, created, redirect_uri="org.example.app:/back")
        await browser.submit(answer="yes")
        assert browser.leaves_for.startswith("org.example.app:/back?")
        for wrong in ("http://localhost:51004/back", "http://127.0.0.1:51004/other", "http://127.0.0.1:99999/back"):
            await browser.get(asked_by(created, redirect_uri=wrong))
            assert browser.answer.status == 400


async def test_nobody_gives_what_they_have_not(database_url: str, tmp_path: Path) -> None:
    """A member who signs in to an administrators' tool: it gets what a member may."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada, scope=f"{PERSON} identity:admin", trusted=True)
        await register(septet, GRACE)
        for email, wanted, scope in (
            (ADA, "identity:admin identity:read", "identity:admin identity:read"),
            (GRACE, "identity:admin identity:read", "identity:read"),
        ):
            browser = Browser(septet)
            await browser.sign_in(email, PASSWORD)
            assert (await tokens_for(septet, browser, created, scope=wanted))["scope"] == scope
        await browser.get(asked_by(created, scope="identity:admin"))
        assert told_to(browser.leaves_for)["error"] == "access_denied"


async def test_a_client_may_ask_by_post(tmp_path: Path) -> None:
    """OpenID Connect Core section 3.1.2.1; from the client's own page, so without a cookie."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        target, _, query = asked_by(created).partition("?")
        fields = dict(pair.split("=") for pair in query.split("&"))
        await browser.post(target, {"client_id": fields["client_id"]}, site="cross-site")
        assert browser.answer.header("location") == f"/oauth2/authorize?client_id={fields['client_id']}"


async def test_consents_are_listed_and_taken_back(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_app(septet, ada)
        browser = Browser(septet)
        await browser.sign_in(ADA, PASSWORD)
        tokens = await tokens_for(septet, browser, created)
        waiting = await code_for(browser, created)
        (consent,) = await call(septet, "list_consents", ada)
        assert (consent.client_name, consent.scope) == ("Calendar", PERSON)
        await call(septet, "take_consent_back", ada, client_id=consent.client_id)
        assert await call(septet, "list_consents", ada) == []
        assert execute(database_url, "SELECT count(*) FROM identity_session WHERE client_id IS NOT NULL") == [(0,)]
        read = await request(septet.asgi, "GET", "/v1/identity/me", token=tokens["access_token"])
        assert read.status == 401
        refreshed = await as_client(
            septet, "token", created, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
        )
        assert (refreshed.status, refreshed.body["error"]) == (400, "invalid_grant")
        assert (await exchange(septet, created, waiting)).body["error"] == "invalid_grant"
        await ask(browser, created)
        assert browser.page.forms


_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_NAMES = st.sampled_from(
    ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "prompt", "max_age"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(_NAMES, _TEXT | st.none(), max_size=4), signed_in=st.booleans())
def test_whatever_is_asked_it_never_fails(tmp_path: Path, changes: dict[str, str | None], signed_in: bool) -> None:
    """Fuzz: an answer for the person or for the client, and never to another address."""

    async def once() -> None:
        async with provider("", tmp_path / str(len(list(tmp_path.iterdir())))) as (septet, ada):
            created = await register_app(septet, ada, trusted=True)
            browser = Browser(septet)
            if signed_in:
                await browser.sign_in(ADA, PASSWORD)
            await browser.get(asked_by(created, **changes))
            assert browser.answer.status in {200, 303, 400}
            to = browser.answer.header("location") or ""
            assert not to or to.startswith(("/identity/sign-in?", f"{REDIRECT}?"))

    asyncio.run(once())
