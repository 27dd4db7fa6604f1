"""What a token is worth, told to resource servers (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from septet.core.context import Actor, Context
from septet.core.errors import Unauthenticated
from septet.identity import queries
from septet.identity.oauth.errors import OAuthCode, OAuthError, invalid_client
from septet.identity.oauth.rows import ClientRow
from septet.identity.rows import SessionRow
from septet.identity.tokens import Claims, Presented, claims_of, read_refresh_token

INTROSPECT = "identity:introspect"
_INACTIVE: Mapping[str, Any] = {"active": False}


async def introspect(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> Mapping[str, Any]:
    """What a token says, while it holds. Of one that does not, nothing else (RFC 7662 section 2.2).

    A client learns of its own tokens, and of those of others with the scope `identity:introspect`. Raises OAuthError.
    """
    token = form.get("token", "").strip()
    if not token:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "token is missing.")
    if client.public:  # RFC 7662 section 2.1: only who is known may ask
        raise invalid_client()
    presented = read_refresh_token(ctx.runtime.keys, token)
    if presented is not None:
        return await _of_refresh_token(ctx, client, presented)
    try:
        actor = await ctx.runtime.authentication.who(token)
    except Unauthenticated:
        return _INACTIVE
    claims = claims_of(token)
    if claims is None:
        return _of_api_key(ctx, client, actor)
    if not _may_know(client, claims.client_id):
        return _INACTIVE
    return _told(claims, " ".join(word for word in claims.scope.split() if word in actor.scopes))


def _of_api_key(ctx: Context, client: ClientRow, actor: Actor) -> Mapping[str, Any]:
    if INTROSPECT not in client.scope.split():
        return _INACTIVE
    scope, issuer = " ".join(sorted(actor.scopes)), ctx.runtime.floor.base_url
    return {"active": True, "scope": scope, "token_type": "Bearer", "sub": actor.account, "iss": issuer}


async def _of_refresh_token(ctx: Context, client: ClientRow, presented: Presented) -> Mapping[str, Any]:
    session = await ctx.read(_find_session, presented)
    if session is None or session.counter != presented.counter or session.expires_at <= ctx.now:
        return _INACTIVE
    if session.client_id is None or not _may_know(client, str(session.client_id)):  # nobody's but its owner's business
        return _INACTIVE
    return {
        "active": True,
        "scope": session.scope or "",
        "client_id": session.client_id,
        "exp": int(session.expires_at.timestamp()),
        "iat": int(session.rotated_at.timestamp()),
        "sub": session.account_id,
        "iss": ctx.runtime.floor.base_url,
    }


async def _find_session(ctx: Context, presented: Presented) -> SessionRow | None:
    return await ctx.tx.maybe(queries.find_session, id=presented.session)


def _may_know(client: ClientRow, whose: str) -> bool:
    return whose == str(client.id) or INTROSPECT in client.scope.split()


def _told(claims: Claims, scope: str) -> Mapping[str, Any]:
    proof = {"auth_time": claims.auth_time, "acr": claims.acr, "amr": claims.amr} if claims.auth_time else {}
    return {
        "active": True,
        "scope": scope,
        "client_id": claims.client_id,
        "token_type": "Bearer",
        "exp": claims.exp,
        "iat": claims.iat,
        "sub": claims.sub,
        "aud": claims.aud,
        "iss": claims.iss,
        "jti": claims.jti,
        **proof,
    }
