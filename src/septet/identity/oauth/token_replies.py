"""What a client gets for a session of a person's: the tokens as that session stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import UNSET, Struct, UnsetType, structs

from septet.core.context import Context
from septet.identity.oauth.id_tokens import id_token
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.scopes import OPENID, OPENID_SCOPES, granted_now
from septet.identity.oauth.types import GrantType
from septet.identity.sessions import Opened
from septet.identity.settings import IdentitySettings
from septet.identity.tokens import access_token, refresh_token


class TokenReply(Struct, frozen=True):
    """RFC 6749 section 5.1, and OpenID Connect Core section 3.1.3.3. `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | UnsetType = UNSET
    id_token: str | UnsetType = UNSET


def scopes_of(ctx: Context, client: ClientRow, opened: Opened) -> list[str]:
    """What the client may do for the account now: what either of the two lost is lost to it as well."""
    allowed = {*client.scope.split(), *OPENID_SCOPES}
    granted = [word for word in (opened.session.scope or "").split() if word in allowed]
    return granted_now(ctx.runtime.registry, granted, opened.holder)


def reply_of(ctx: Context, client: ClientRow, opened: Opened, scopes: Sequence[str]) -> TokenReply:
    """The session's present tokens, with these of its scopes: the same between two refreshes.

    A refresh token is for clients that may refresh; `offline_access` tells the person of it, but is not asked for.
    """
    lifetime = timedelta(minutes=ctx.settings(IdentitySettings).access_minutes)
    session = opened.session
    scope = " ".join(scopes)
    return TokenReply(
        access_token=access_token(ctx.runtime, session, scope, lifetime, str(client.id)),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(lifetime.total_seconds()),
        scope=scope,
        refresh_token=refresh_token(ctx.runtime.keys, session.id, session.counter)
        if client.may(GrantType.REFRESH_TOKEN)
        else UNSET,
    )


async def reply_with_id_token(ctx: Context, client: ClientRow, opened: Opened, nonce: str | None) -> TokenReply:
    """The first tokens of a session: with `openid`, one that tells the client who signed in."""
    scopes = scopes_of(ctx, client, opened)
    tokens = reply_of(ctx, client, opened, scopes)
    if OPENID not in scopes:
        return tokens
    return structs.replace(tokens, id_token=await id_token(ctx, opened, scopes, nonce, tokens.access_token))
