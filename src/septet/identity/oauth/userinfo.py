"""Who the person is, told to a client with their token (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from typing import Any

from septet.core.context import Actor, Context
from septet.core.errors import Forbidden, Unauthenticated
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.oauth.id_tokens import claims_about
from septet.identity.oauth.scopes import OPENID
from septet.identity.rows import Holder


async def userinfo(ctx: Context, actor: Actor) -> dict[str, Any]:
    """Raises Unauthenticated without a token that holds, Forbidden without the scope `openid`."""
    if actor.account is None:
        raise Unauthenticated("This needs an access token of a person's.")
    if OPENID not in actor.scopes:
        raise Forbidden("This needs the scope openid.")
    holder = await ctx.read(_find_holder, actor.account)
    if holder is None:
        raise Unauthenticated("This account is gone.")
    return {"sub": str(holder.id), **claims_about(holder, actor.scopes)}


async def _find_holder(ctx: Context, id: AccountId) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder, id=id)
