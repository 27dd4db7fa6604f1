"""A client asks that a person be signed out here as well (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.identity import queries as identity_queries
from septet.identity.browser_sessions import Browsing
from septet.identity.oauth import queries
from septet.identity.oauth.id_tokens import Hint, read_hint
from septet.identity.oauth.redirects import with_parameters
from septet.identity.oauth.rows import ClientRow
from septet.identity.revocations import revoke


class Leaving(Struct, frozen=True):
    """Who is said to leave, and where they go from here; None for nowhere else."""

    hint: Hint | None
    back_to: str | None


async def read_logout(ctx: Context, query: Mapping[str, str]) -> Leaving:
    """Raises Invalid where it is not certain that the address to go on to is the client's own (section 3)."""
    token = query.get("id_token_hint")
    hint = await read_hint(ctx, token) if token else None
    named = query.get("client_id")
    if named is not None and hint is not None and named != str(hint.aud):
        raise Invalid("The application that sent you here named itself in two ways.")
    wanted = query.get("post_logout_redirect_uri")
    if wanted is None:
        return Leaving(hint, None)
    client = await ctx.read(_find_client, named or (str(hint.aud) if hint else ""))
    if client is None or wanted not in client.logout_uris:
        raise Invalid("The application that sent you here gave an address to return to that is not its own.")
    return Leaving(hint, with_parameters(wanted, {"state": query.get("state")}))


def is_certain(leaving: Leaving, here: Browsing | None) -> bool:
    """Whether nobody need be asked: nobody is signed in, or it is the one that the client was told of."""
    return here is None or (leaving.hint is not None and leaving.hint.sub == here.holder.id)


async def leave(ctx: Context, leaving: Leaving, here: Browsing | None) -> None:
    """End the browser's session, and the client's; a step of its own."""
    await ctx.write_hot(_leave, leaving, here)


async def _leave(ctx: Context, leaving: Leaving, here: Browsing | None) -> None:
    if here is not None:
        await revoke(ctx, await ctx.tx.all(identity_queries.end_session, id=here.session.id))
    hint = leaving.hint
    if hint is not None and (here is None or here.holder.id == hint.sub):
        ended = {"id": hint.sid, "account_id": hint.sub}
        await revoke(ctx, await ctx.tx.all(identity_queries.end_session_of, **ended))


async def _find_client(ctx: Context, named: str) -> ClientRow | None:
    try:
        id = UUID(named)
    except ValueError:
        return None
    return await ctx.tx.maybe(queries.find_client, id=id)
