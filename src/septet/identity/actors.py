"""An account as it asks right after signing in, without its password: for whoever operates the server."""

from __future__ import annotations

from uuid import UUID

from septet.core.context import Actor, Context
from septet.core.errors import NotFound
from septet.core.ids import new_id
from septet.core.runtime import Runtime
from septet.core.types import SessionId
from septet.identity import queries
from septet.identity.addresses import read_address
from septet.identity.roles import scope_of
from septet.identity.rows import Holder


async def find_actor(runtime: Runtime, name: str) -> Actor:
    """The actor of an account, named by address or id. Its session is one that no row has. Raises NotFound."""
    holder = await runtime.context().read(_find_holder, name)
    if holder is None:
        raise NotFound(f"There is no account {name}.")
    scopes = scope_of(runtime.registry, holder)
    return Actor(
        account=holder.id,
        session=SessionId(new_id()),
        scopes=frozenset(scopes.split()),
        key=str(holder.id),
        proven_at=runtime.clock().timestamp(),  # whoever operates the server has nothing to prove to it
        factors=2,
    )


async def _find_holder(ctx: Context, name: str) -> Holder | None:
    if "@" in name:
        return await ctx.tx.maybe(queries.find_holder_by_email, email_key=read_address(name).key)
    try:
        account = UUID(name)
    except ValueError:
        return None
    return await ctx.tx.maybe(queries.find_holder, id=account)
