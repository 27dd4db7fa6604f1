"""Which client asks, at the endpoints that OAuth has for clients (RFC 6749 section 2.3, RFC 7523 section 2.2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus
from uuid import UUID

from msgspec import Struct

from septet.core.context import Context
from septet.identity.oauth import queries
from septet.identity.oauth.client_keys import ASSERTION_TYPE, check_assertion
from septet.identity.oauth.errors import OAuthCode, OAuthError, invalid_client
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.secrets import hash_of, matches

_NO_SECRET = hash_of("")
_LONGEST_BASIC = 2048


class Presented(Struct, frozen=True):
    """What a client showed: its id with a secret, or with an assertion."""

    client_id: str | None
    secret: str | None = None
    assertion: str | None = None


async def authenticate_client(ctx: Context, form: Mapping[str, str], authorization: bytes | None) -> ClientRow:
    """The client that sent this, by one of the ways that it may use. Raises OAuthError.

    A secret may come in the header or in the form, whichever the client was registered with.
    """
    presented = _presented(form, authorization)
    client = await ctx.read(_find, _named(presented))
    if presented.assertion is not None:
        audiences = {ctx.runtime.floor.base_url, f"{ctx.runtime.floor.base_url}/oauth2/token"}
        if client is None or not await check_assertion(ctx, client, presented.assertion, audiences):
            raise invalid_client()
        return client
    if client is not None and client.public and presented.secret is None:
        return client  # whoever it is: what it gets is bound by PKCE to who asked
    kept = client.secret_hash if client is not None else None
    genuine = matches(presented.secret or "", kept or _NO_SECRET)
    if client is None or kept is None or not presented.secret or not genuine:
        raise invalid_client()
    return client


def _presented(form: Mapping[str, str], authorization: bytes | None) -> Presented:
    """What was shown, one way only (RFC 6749 section 2.3). Raises OAuthError."""
    ways = (authorization is not None, "client_secret" in form, "client_assertion" in form)
    if sum(ways) > 1:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "A client proves in one way only which it is.")
    if authorization is not None:
        basic = _read_basic(authorization)
        if form.get("client_id", basic.client_id) != basic.client_id:
            raise OAuthError(OAuthCode.INVALID_REQUEST, "The header and the form name two clients.")
        return basic
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError(OAuthCode.INVALID_REQUEST, f"client_assertion_type is {ASSERTION_TYPE}.")
        return Presented(form.get("client_id"), assertion=form["client_assertion"])
    return Presented(form.get("client_id"), secret=form.get("client_secret"))


def _read_basic(authorization: bytes) -> Presented:
    """Id and secret, each form-encoded before the two are joined (RFC 6749 section 2.3.1). Raises OAuthError."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic" or len(encoded) > _LONGEST_BASIC:
        raise invalid_client()
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        if not colon:
            raise invalid_client()
        return Presented(unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict"))
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_client() from None


def _named(presented: Presented) -> UUID | None:
    """The id of the client. An assertion names it by itself; until it is checked that is only a claim."""
    name = presented.client_id
    if name is None and presented.assertion is not None:
        name = _subject_of(presented.assertion)
    try:
        return UUID(name) if name is not None else None
    except ValueError:
        return None


def _subject_of(assertion: str) -> str | None:
    from joserfc import jws
    from joserfc.errors import JoseError
    from msgspec import MsgspecError, json

    try:
        claims = json.decode(jws.extract_compact(assertion.encode()).payload, type=dict[str, object])
    except (JoseError, MsgspecError, ValueError):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


async def _find(ctx: Context, id: UUID | None) -> ClientRow | None:
    return None if id is None else await ctx.tx.maybe(queries.find_client, id=id)
