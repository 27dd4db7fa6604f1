"""Suspending an account: nobody signs in to it, and nothing that acts for it does so any more."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Conflict
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.accounts import reachable_account
from septet.identity.administrators import refuse_to_lose_last
from septet.identity.api_keys import queries as api_key_queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors import queries as factor_queries
from septet.identity.problems import LastAdministrator
from septet.identity.revocations import revoke
from septet.identity.rows import Found
from septet.identity.types import Suspension


@operation.get("/v1/identity/accounts/{id}/suspension", scope="identity:admin")
async def read_suspension(ctx: Context, id: AccountId) -> Suspension:
    """Since when an account is suspended, if it is. Raises NotFound."""
    await reachable_account(ctx, id)
    return await ctx.tx.one(queries.suspension_of, id=id)


@operation.put(
    "/v1/identity/accounts/{id}/suspension",
    scope="identity:admin",
    proof=fresh(),
    raises=(Conflict, LastAdministrator),
)
async def suspend_account(ctx: Context, id: AccountId) -> Suspension:
    """Suspend an account: its sessions end within a second, for itself and for applications, and its keys rest.

    Raises NotFound, Conflict for one's own account, LastAdministrator.
    """
    await reachable_account(ctx, id)
    if id == ctx.actor.account:
        raise Conflict("This is your own account.")
    await refuse_to_lose_last(ctx, id)
    await ctx.tx.run(queries.suspend, account_id=id, now=ctx.now)
    await ctx.tx.run(factor_queries.end_challenges_of_account, account_id=id)
    keys = [Found(key.id) for key in await ctx.tx.all(api_key_queries.api_keys_of, account_id=id)]
    await revoke(ctx, [*keys, *await ctx.tx.all(queries.end_all_sessions, account_id=id)])
    await audit_log.record(ctx, Action.ACCOUNT_SUSPEND, about=id)
    return await ctx.tx.one(queries.suspension_of, id=id)


@operation.delete("/v1/identity/accounts/{id}/suspension", scope="identity:admin", proof=fresh())
async def lift_suspension(ctx: Context, id: AccountId) -> None:
    """Let an account be used again. Its keys work again within some minutes. Raises NotFound."""
    await reachable_account(ctx, id)
    if await ctx.tx.run(queries.lift_suspension, account_id=id):
        await audit_log.record(ctx, Action.SUSPENSION_LIFT, about=id)
