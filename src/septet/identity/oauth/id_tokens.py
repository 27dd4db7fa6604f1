"""ID tokens: who signed in, told to the client that asked (OpenID Connect Core section 2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from septet.core.context import Context
from septet.core.proofs import acr_of
from septet.core.types import SessionId
from septet.identity.oauth import signing_keys
from septet.identity.oauth.types import ClientId
from septet.identity.rows import Holder
from septet.identity.sessions import Opened

_HOLDS_SECONDS = 3600


class Hint(Struct, frozen=True):
    """Of an ID token that comes back: whose it is, of which session, and for which client."""

    iss: str
    sub: UUID
    aud: ClientId
    sid: SessionId


async def id_token(ctx: Context, opened: Opened, scopes: Collection[str], nonce: str | None, access_token: str) -> str:
    """The ID token of a client's session. `nonce` comes back as the client gave it."""
    session = opened.session
    issued = int(session.rotated_at.timestamp())
    claims: dict[str, Any] = {
        "iss": ctx.runtime.floor.base_url,
        "sub": str(session.account_id),
        "aud": str(session.client_id),
        "azp": str(session.client_id),
        "iat": issued,
        "exp": issued + _HOLDS_SECONDS,
        "auth_time": int(session.proven_at.timestamp()),
        "acr": acr_of(session.factors),
        "amr": session.methods.split(),
        "sid": str(session.id),
        "at_hash": _half_hash(access_token),
        **claims_about(opened.holder, scopes),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return await signing_keys.sign(ctx, msgspec.json.encode(claims))


def claims_about(holder: Holder, scopes: Collection[str]) -> dict[str, Any]:
    """What a client may know about a person (OpenID Connect Core section 5.4)."""
    told: dict[str, Any] = {}
    if "profile" in scopes:
        told["locale"] = holder.locale
        if holder.name is not None:
            told["name"] = holder.name
    if "email" in scopes:
        told |= {"email": holder.email, "email_verified": holder.email_verified}
    return told


async def read_hint(ctx: Context, token: str) -> Hint | None:
    """What an ID token of this server says, be it expired (RP-Initiated Logout section 2); None for any other."""
    payload = await signing_keys.verified(ctx, token)
    if payload is None:
        return None
    try:
        hint = msgspec.json.decode(payload, type=Hint)
    except msgspec.MsgspecError:
        return None
    return hint if hint.iss == ctx.runtime.floor.base_url else None


def _half_hash(token: str) -> str:
    """OpenID Connect Core section 3.1.3.6."""
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
