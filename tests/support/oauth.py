"""What OAuth clients do, byte for byte: forms to the endpoints, credentials in the header or beside."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from septet.app import Septet
from septet.core.ids import new_id
from septet.identity.administrators import create_administrator
from septet.identity.oauth.types import ClientCreated, NewClient
from support import people
from support.app import Clock, running_septet
from support.asgi import Answer
from support.asgi import call as request
from support.people import ADA, KEYS, PASSWORD, quick

FORM = ("content-type", "application/x-www-form-urlencoded")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@asynccontextmanager
async def provider(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[Septet, str]]:
    """Septet with its HTTP door, and the access token of an administrator who just signed in."""
    clock, limits = settings.pop("clock", None) or Clock(), settings.pop("limits", False)
    async with running_septet(
        database_url, folder, system_settings=[quick(**settings)], clock=clock, limits=limits, keys=KEYS
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
