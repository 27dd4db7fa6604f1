"""What OAuth clients do, byte for byte: forms to the endpoints, credentials in the header or beside."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from septet.app import Septet
from septet.core.ids import new_id
from septet.identity.administrators import create_administrator
from septet.identity.oauth.codes import challenge_of
from septet.identity.oauth.types import ClientCreated, NewClient
from support import people
from support.app import Clock, running_septet
from support.asgi import Answer
from support.asgi import call as request
from support.browser import Browser
from support.people import ADA, KEYS, PASSWORD, quick

FORM = ("content-type", "application/x-www-form-urlencoded")
REDIRECT = "https://app.example.org/callback"
VERIFIER = "a-verifier-of-the-client-that-nobody-else-knows"
PERSON = "openid profile email identity:read"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@asynccontextmanager
async def provider(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[Septet, str]]:
    """Septet with its HTTP door, and the access token of an administrator who just signed in."""
    clock, floor = settings.pop("clock", None) or Clock(), {"keys": KEYS}
    floor |= {name: settings.pop(name) for name in ("limits", "public_url", "records") if name in settings}
    async with running_septet(
        database_url, folder, system_settings=[quick(**settings)], clock=clock, **floor
    ) as septet:
        await create_administrator(septet.runtime.context(), ADA, PASSWORD)
        yield septet, (await people.sign_in(septet, ADA)).access_token


async def register_client(septet: Septet, token: str, **values: Any) -> ClientCreated:
    values = {"client_name": "Nightly report", "scope": "identity:admin identity:read", **values}
    created = await people.call(septet, "create_client", token, body=NewClient(**values))
    assert isinstance(created, ClientCreated)
    return created


def basic(created: ClientCreated, secret: str | None = None) -> tuple[str, str]:
    """RFC 6749 section 2.3.1."""
    shown = secret if secret is not None else created.client_secret
    assert shown is not None
    joined = f"{quote_plus(str(created.client.client_id))}:{quote_plus(shown)}"
    return "authorization", "Basic " + base64.b64encode(joined.encode()).decode()


async def post(septet: Septet, endpoint: str, *headers: tuple[str, str], **fields: str) -> Answer:
    body = urlencode(fields).encode()
    return await request(septet.asgi, "POST", f"/oauth2/{endpoint}", FORM, *headers, body=body)


async def own_token(septet: Septet, created: ClientCreated, **fields: str) -> str:
    """An access token that the client asked for itself."""
    answer = await post(septet, "token", basic(created), grant_type="client_credentials", **fields)
    assert answer.status == 200, answer.body
    token = answer.body["access_token"]
    assert isinstance(token, str)
    return token


def claims_for(septet: Septet, created: ClientCreated, **changes: Any) -> dict[str, Any]:
    """What a client says of itself in an assertion (RFC 7523 section 3), now by the server's clock."""
    now = int(septet.runtime.clock().timestamp())
    id = str(created.client.client_id)
    claims = {"iss": id, "sub": id, "aud": septet.runtime.floor.base_url, "exp": now + 60, "jti": new_id().hex}
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


async def register_app(septet: Septet, token: str, **values: Any) -> ClientCreated:
    """A client that people sign in to."""
    return await register_client(
        septet, token, **{"client_name": "Calendar", "scope": PERSON, "redirect_uris": [REDIRECT], **values}
    )


def asked_by(created: ClientCreated, **changes: str | None) -> str:
    """The address that an app sends its user to."""
    query = {
        "response_type": "code",
        "client_id": str(created.client.client_id),
        "redirect_uri": REDIRECT,
        "scope": PERSON,
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"/oauth2/authorize?{urlencode({name: value for name, value in query.items() if value is not None})}"


async def ask(browser: Browser, created: ClientCreated, **changes: str | None) -> None:
    """As far as the browser comes by itself."""
    await browser.get(asked_by(created, **changes))
    await browser.follow()


def told_to(address: str) -> dict[str, str]:
    """What an app is told by the address that the browser comes back to."""
    return dict(parse_qsl(urlsplit(address).query))


async def code_for(browser: Browser, created: ClientCreated, **changes: str | None) -> str:
    """The code that an app gets for who is signed in, who agrees if they are asked."""
    await ask(browser, created, **changes)
    if browser.answer.status == 200 and browser.page.forms:
        await browser.submit(answer="yes")
    return told_to(browser.leaves_for)["code"]


async def exchange(septet: Septet, created: ClientCreated, given: str, **changes: str) -> Answer:
    """The app's call with the code."""
    fields = {"grant_type": "authorization_code", "code": given, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    return await as_client(septet, "token", created, **{**fields, **changes})


async def as_client(septet: Septet, endpoint: str, created: ClientCreated, **fields: str) -> Answer:
    """By its secret, or where it has none by its id alone."""
    if created.client_secret is None:
        return await post(septet, endpoint, client_id=str(created.client.client_id), **fields)
    return await post(septet, endpoint, basic(created), **fields)


async def tokens_for(septet: Septet, browser: Browser, created: ClientCreated, **changes: str | None) -> dict[str, Any]:
    """The whole way, for who is signed in."""
    answer = await exchange(septet, created, await code_for(browser, created, **changes))
    assert answer.status == 200, answer.body
    told = answer.body
    assert isinstance(told, dict)
    return told
