"""The token endpoint: what a client gets, by which grant (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from septet.core.context import Context
from septet.core.ids import new_id
from septet.identity.oauth.device import by_device_code
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.person_grants import by_code, by_refresh_token
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.scopes import OPENID_SCOPES
from septet.identity.oauth.token_replies import TokenReply
from septet.identity.oauth.types import GrantType
from septet.identity.settings import IdentitySettings
from septet.identity.tokens import Claims, sign

Grant = Callable[[Context, ClientRow, Mapping[str, str]], Awaitable[TokenReply]]


async def give_token(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """What the grant that the client names gives it. Raises OAuthError."""
    name = form.get("grant_type")
    if not name:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "grant_type is missing.")
    kind = GRANT_TYPES.get(name)
    if kind is None:
        raise OAuthError(OAuthCode.UNSUPPORTED_GRANT_TYPE, f"grant_type is one of: {', '.join(GRANT_TYPES)}.")
    if not client.may(kind):
        raise OAuthError(OAuthCode.UNAUTHORIZED_CLIENT, "The client was not registered for this grant.")
    return await _GRANTS[kind](ctx, client, form)


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
    allowed = [word for word in client.scope.split() if word not in OPENID_SCOPES]  # those are about a person
    asked = allowed if wanted is None else wanted.split()
    if not asked or not set(asked) <= set(allowed):
        raise OAuthError(OAuthCode.INVALID_SCOPE, "The client may not ask for this scope.")
    return " ".join(dict.fromkeys(asked))


_GRANTS: Mapping[GrantType, Grant] = {
    GrantType.AUTHORIZATION_CODE: by_code,
    GrantType.REFRESH_TOKEN: by_refresh_token,
    GrantType.CLIENT_CREDENTIALS: _by_client_credentials,
    GrantType.DEVICE_CODE: by_device_code,
}
GRANT_TYPES: Mapping[str, GrantType] = {kind.on_the_wire: kind for kind in _GRANTS}
