"""A client gives a token back (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from septet.core.context import Context
from septet.core.errors import Unauthenticated
from septet.identity import queries
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.rows import ClientRow
from septet.identity.revocations import revoke
from septet.identity.rows import Found
from septet.identity.tokens import claims_of, read_refresh_token


async def revoke_token(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> None:
    """Let the client's token hold no more, in any process within a second. Raises OAuthError without one.

    What is no token, or none of this client's, is passed over in silence (RFC 7009 section 2.2).
    """
    token = form.get("token", "").strip()
    if not token:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "token is missing.")
    presented = read_refresh_token(ctx.runtime.keys, token)
    if presented is not None:
        await ctx.write_hot(_end, client, presented.session)
        return
    try:
        await ctx.runtime.authentication.who(token)
    except Unauthenticated:
        return
    claims = claims_of(token)
    if claims is None or claims.client_id != str(client.id):
        return
    if claims.sub == client.id:  # of the client for itself: no session stands behind it
        await ctx.write_hot(revoke, [Found(claims.sid)])
    else:
        await ctx.write_hot(_end, client, claims.sid)


async def _end(ctx: Context, client: ClientRow, id: UUID) -> None:
    """End the client's session, with all of its tokens (RFC 7009 section 2.1)."""
    session = await ctx.tx.maybe(queries.find_session, id=id)
    if session is not None and session.client_id == client.id:
        await revoke(ctx, await ctx.tx.all(queries.end_session, id=id))
