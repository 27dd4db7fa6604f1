"""What a token is worth, told to resource servers (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from septet.core.context import Context
from septet.core.errors import Unauthenticated
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.rows import ClientRow
from septet.identity.tokens import Claims, claims_of

INTROSPECT = "identity:introspect"
_INACTIVE: Mapping[str, Any] = {"active": False}


async def introspect(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> Mapping[str, Any]:
    """What an access token says, while it holds. Of one that does not, nothing else (RFC 7662 section 2.2).

    A client learns of its own tokens, and of those of others with the scope `identity:introspect`. Raises OAuthError.
    """
    token = form.get("token")
    if not token:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "token is missing.")
    try:
        actor = await ctx.runtime.authentication.who(token)
    except Unauthenticated:
        return _INACTIVE
    claims = claims_of(token)
    if claims.client_id != str(client.id) and INTROSPECT not in client.scope.split():
        return _INACTIVE
    return _told(claims, " ".join(word for word in claims.scope.split() if word in actor.scopes))


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
