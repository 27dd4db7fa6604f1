"""API keys of one's own: making one, seeing them, taking one away."""

from __future__ import annotations

from datetime import timedelta

from septet.core.context import Context
from septet.core.errors import Invalid, NotFound
from septet.core.ids import new_id
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.types import AccountId
from septet.identity import tasks
from septet.identity.api_keys import queries
from septet.identity.api_keys.secrets import hash_of, new_key
from septet.identity.api_keys.types import ApiKey, ApiKeyCreated, ApiKeyId, NewApiKey
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors.strength import require_own_strength
from septet.identity.problems import TooManyApiKeys
from septet.identity.revocations import revoke
from septet.identity.tasks import Notice, NoticeMail

_MOST = 50


@operation.post(
    "/v1/identity/me/api-keys", scope="identity:write", secret=True, proof=fresh(), raises=(TooManyApiKeys, Invalid)
)
async def create_api_key(ctx: Context, body: NewApiKey) -> ApiKeyCreated:
    """Make a key that asks in your name: `Authorization: Bearer septet_ak_…`. It is shown once, here.

    A key makes no other keys, and does nothing that asks for a proof. You get a mail. Raises Invalid for a scope that
    you have not, TooManyApiKeys.
    """
    await require_own_strength(ctx)
    for word in body.scope.split():
        if word not in ctx.actor.scopes:
            raise Invalid(f"You have no scope {word} to give.", pointer="/scope")
    if (await ctx.tx.one(queries.count_api_keys, account_id=ctx.actor.id)).number >= _MOST:
        raise TooManyApiKeys(f"There are {_MOST} keys already.")
    id = ApiKeyId(new_id())
    key = new_key(id)
    row = await ctx.tx.one(
        queries.insert_api_key,
        id=id,
        account_id=ctx.actor.id,
        name=body.name,
        secret_hash=hash_of(key),
        scope=" ".join(dict.fromkeys(body.scope.split())),
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(days=body.expires_in_days) if body.expires_in_days is not None else None,
        used_at=None,
    )
    await audit_log.record(ctx, Action.API_KEY_ADD, about=ctx.actor.id, target=str(row.id))
    ctx.enqueue(tasks.send_notice, NoticeMail(ctx.actor.id, Notice.API_KEY_ADDED, ctx.now))
    return ApiKeyCreated(row.shown, key)


@operation.get("/v1/identity/me/api-keys", scope="identity:read")
async def list_api_keys(ctx: Context) -> list[ApiKey]:
    """Your keys, at most 50, oldest first; also those that expired in the last 30 days."""
    return [row.shown for row in await ctx.tx.all(queries.api_keys_of, account_id=ctx.actor.id)]


@operation.delete("/v1/identity/me/api-keys/{id}", scope="identity:write")
async def remove_api_key(ctx: Context, id: ApiKeyId) -> None:
    """Take a key away. It is refused within a second. Raises NotFound."""
    removed = await ctx.tx.all(queries.delete_api_key, id=id, account_id=ctx.actor.id)
    if not removed:
        raise NotFound("You have no such key.")
    await revoke(ctx, removed)
    await audit_log.record(ctx, Action.API_KEY_REMOVE, about=ctx.actor.id, target=str(id))


async def remove_all(ctx: Context, account_id: AccountId) -> None:
    """Take every key of an account away, in the open transaction."""
    await revoke(ctx, await ctx.tx.all(queries.delete_api_keys_of, account_id=account_id))
