"""Who asks with an API key."""

from __future__ import annotations

import contextlib
import hmac
from datetime import timedelta

from msgspec import Struct

from septet.core.authentication import Verified
from septet.core.context import Actor, Context
from septet.core.errors import Unauthenticated, Unavailable
from septet.core.runtime import Runtime
from septet.core.types import SessionId
from septet.identity import queries as identity_queries
from septet.identity.api_keys import queries
from septet.identity.api_keys.rows import ApiKeyRow
from septet.identity.api_keys.secrets import hash_of, read_id
from septet.identity.api_keys.types import ApiKeyId
from septet.identity.roles import scope_of
from septet.identity.rows import Holder

_HOLDS = 30.0  # seconds that a key is taken to be as it was found; its end is known within one
_USE_NOTED_AFTER = timedelta(minutes=5)  # no more than one write for so long of use


class _Found(Struct, frozen=True):
    key: ApiKeyRow
    holder: Holder


async def authenticate(runtime: Runtime, shown: str) -> Verified:
    """Raises Unauthenticated for a key that is none, was removed or expired, or whose owner is suspended.

    It proves nothing about who holds it, so what asks for a proof is closed to it.
    """
    id = read_id(shown)
    ctx = runtime.context()
    found = await ctx.read(_find, id) if id is not None else None
    if found is None or not hmac.compare_digest(found.key.secret_hash, hash_of(shown)):
        raise Unauthenticated("This API key is not valid.")
    key, now = found.key, ctx.now.timestamp()
    ends = key.expires_at.timestamp() if key.expires_at is not None else now + _HOLDS
    if ends <= now:
        raise Unauthenticated("This API key has expired.")
    if found.holder.suspended_at is not None:
        raise Unauthenticated("The account of this API key is suspended.")
    if key.used_at is None or ctx.now - key.used_at > _USE_NOTED_AFTER:
        with contextlib.suppress(Unavailable):  # with a disk that is full, one may still read
            await ctx.write_hot(_note_use, key)
    theirs = scope_of(runtime.registry, found.holder).split()
    actor = Actor(
        account=key.account_id,
        session=SessionId(key.id),
        scopes=frozenset(key.scope.split()) & frozenset(theirs),
        key=f"key:{key.id}",
    )
    return Verified(actor, min(ends, now + _HOLDS))


async def _find(ctx: Context, id: ApiKeyId) -> _Found | None:
    key = await ctx.tx.maybe(queries.find_api_key, id=id)
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=key.account_id) if key is not None else None
    return _Found(key, holder) if key is not None and holder is not None else None


async def _note_use(ctx: Context, key: ApiKeyRow) -> None:
    await ctx.tx.run(queries.note_use, key_id=key.id, now=ctx.now)
