"""A client gives a token back (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping

from septet.core.context import Context
from septet.core.errors import Unauthenticated
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.rows import ClientRow
from septet.identity.revocations import revoke
from septet.identity.rows import Found
from septet.identity.tokens import claims_of


async def revoke_token(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> None:
    """Let the client's token hold no more, in any process within a second. Raises OAuthError without one.

    What is no token, or none of this client's, is passed over in silence (RFC 7009 section 2.2).
    """
    token = form.get("token")
    if not token:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "token is missing.")
    try:
        await ctx.runtime.authentication.who(token)
    except Unauthenticated:
        return
    claims = claims_of(token)
    if claims.client_id == str(client.id):
        await ctx.write_hot(revoke, [Found(claims.sid)])
