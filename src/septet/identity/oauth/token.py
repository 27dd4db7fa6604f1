"""The token endpoint: what a client gets, by which grant (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import UNSET, Struct, UnsetType

from septet.core.context import Context
from septet.core.ids import new_id
from septet.identity.oauth.clients import CLIENT_CREDENTIALS
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.rows import ClientRow
from septet.identity.settings import IdentitySettings
from septet.identity.tokens import Claims, sign


class TokenReply(Struct, frozen=True):
    """RFC 6749 section 5.1. `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | UnsetType = UNSET


Grant = Callable[[Context, ClientRow, Mapping[str, str]], Awaitable[TokenReply]]


async def give_token(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """What the grant that the client names gives it. Raises OAuthError."""
    name = form.get("grant_type")
    if not name:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "grant_type is missing.")
    grant = GRANTS.get(name)
    if grant is None:
        raise OAuthError(OAuthCode.UNSUPPORTED_GRANT_TYPE, f"grant_type is one of: {', '.join(GRANTS)}.")
    return await grant(ctx, client, form)


async def _by_client_credentials(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """An access token for the client itself, and no refresh token (RFC 6749 section 4.4.3)."""
    base_url = ctx.runtime.floor.base_url
    if form.get("resource", base_url).rstrip("/") != base_url.rstrip("/"):  # RFC 8707
        raise OAuthError(OAuthCode.INVALID_REQUEST, "resource is this server's address, or left out.")
    scope = _scope_wanted(client, form.get("scope"))
    lifetime = ctx.settings(IdentitySettings).access_minutes * 60
    issued, id = int(ctx.now.timestamp()), new_id()
    claims = Claims(
        iss=base_url,
        sub=client.id,
        aud=base_url,
        client_id=str(client.id),
        iat=issued,
        exp=issued + lifetime,
        jti=id.hex,
        sid=id,  # of this token alone: by it, the token can be revoked
        scope=scope,
    )
    return TokenReply(sign(ctx.runtime, claims), "Bearer", lifetime, scope)


def _scope_wanted(client: ClientRow, wanted: str | None) -> str:
    """What was asked for, at most what the client may; all of it where nothing was (RFC 6749 section 3.3)."""
    allowed = client.scope.split()
    asked = allowed if wanted is None else wanted.split()
    if not asked or not set(asked) <= set(allowed):
        raise OAuthError(OAuthCode.INVALID_SCOPE, "The client may not ask for this scope.")
    return " ".join(dict.fromkeys(asked))


GRANTS: Mapping[str, Grant] = {CLIENT_CREDENTIALS: _by_client_credentials}
