"""The grants by which a client gets tokens for a person: by code, and by refresh token."""

from __future__ import annotations

from collections.abc import Mapping

from septet.core.context import Context
from septet.core.types import SessionId
from septet.identity import queries
from septet.identity.oauth import codes
from septet.identity.oauth.errors import OAuthCode, OAuthError, invalid_grant
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.token_replies import TokenReply, reply_of, reply_with_id_token, scopes_of
from septet.identity.refreshing import refresh
from septet.identity.rows import SessionRow
from septet.identity.tokens import read_refresh_token


async def by_code(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """RFC 6749 section 4.1.3, with PKCE (RFC 7636 section 4.5). Raises OAuthError."""
    for name in ("code", "redirect_uri", "code_verifier"):
        if not form.get(name):
            raise OAuthError(OAuthCode.INVALID_REQUEST, f"{name} is missing.")
    opened, code = await codes.exchange(ctx, client, form["code"], form["redirect_uri"], form["code_verifier"])
    return await reply_with_id_token(ctx, client, opened, code.nonce)


async def by_refresh_token(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """RFC 6749 section 6: the next tokens; with `scope`, an access token that may do less. Raises OAuthError.

    The refresh token works once, for public and confidential clients alike (RFC 9700 section 4.14).
    """
    if not form.get("refresh_token"):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "refresh_token is missing.")
    presented = read_refresh_token(ctx.runtime.keys, form["refresh_token"])
    session = await ctx.read(_find_session, presented.session) if presented else None
    if presented is None or session is None or session.client_id != client.id:
        raise invalid_grant()
    granted = (session.scope or "").split()
    wanted = form.get("scope", session.scope or "").split()
    if not wanted or not set(wanted) <= set(granted):
        raise OAuthError(OAuthCode.INVALID_SCOPE, "This is more than was granted.")
    opened = await ctx.write_hot(refresh, presented, ctx.now)
    if opened is None:
        raise invalid_grant()
    return reply_of(ctx, client, opened, [word for word in scopes_of(ctx, client, opened) if word in wanted])


async def _find_session(ctx: Context, id: SessionId) -> SessionRow | None:
    return await ctx.tx.maybe(queries.find_session, id=id)
