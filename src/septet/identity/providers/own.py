"""Accounts of one's own elsewhere that sign one in here."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Conflict, NotFound
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.identity import queries as identity_queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors import queries as factor_queries
from septet.identity.factors.strength import require_own_strength
from septet.identity.providers import queries
from septet.identity.providers.types import ProviderAccount, ProviderAccountId
from septet.identity.settings import IdentitySettings


@operation.get("/v1/identity/me/provider-accounts", scope="identity:read")
async def list_provider_accounts(ctx: Context) -> list[ProviderAccount]:
    """Your accounts elsewhere that sign you in here."""
    return await ctx.tx.all(queries.links_of, account_id=ctx.actor.id)


@operation.delete("/v1/identity/me/provider-accounts/{id}", scope="identity:write", proof=fresh(), raises=(Conflict,))
async def unlink_provider_account(ctx: Context, id: ProviderAccountId) -> None:
    """Sign in by an account elsewhere no more. Raises NotFound; Conflict where it is the only way in that you have."""
    await require_own_strength(ctx)
    links = await ctx.tx.all(queries.links_of, account_id=ctx.actor.id)
    if id not in {link.id for link in links}:
        raise NotFound("You have no such account elsewhere.")
    if len(links) == 1 and not await _has_another_way(ctx):
        raise Conflict("This is your only way in. Add a passkey first, or choose a password by a reset.")
    await ctx.tx.run(queries.unlink, id=id, account_id=ctx.actor.id)
    await audit_log.record(
        ctx, Action.PROVIDER_UNLINK, about=ctx.actor.id, target=next(link.issuer for link in links if link.id == id)
    )


async def _has_another_way(ctx: Context) -> bool:
    if ctx.settings(IdentitySettings).sign_in_codes:
        return True
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=ctx.actor.id)
    factors = await ctx.tx.one(factor_queries.factors_of, account_id=ctx.actor.id)
    return factors.passkey or (holder is not None and holder.password_hash is not None)
