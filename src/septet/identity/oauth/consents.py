"""What you let applications do, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.oauth import device_queries, queries
from septet.identity.oauth.rows import ConsentHeld
from septet.identity.oauth.types import ClientId, Consent
from septet.identity.revocations import revoke


async def reachable_consent(ctx: Context, client_id: ClientId) -> ConsentHeld:
    """The only way to a consent: the caller's own to this client. Raises NotFound."""
    held = await ctx.tx.maybe(queries.find_consent, account_id=ctx.actor.id, client_id=client_id)
    if held is None:
        raise NotFound("You let no such application do anything.")
    return held


@operation.get("/v1/identity/me/consents", scope="identity:read")
async def list_consents(ctx: Context) -> list[Consent]:
    """The applications that you let act for you, and what they may do."""
    held = await ctx.tx.all(queries.consents_of, account_id=ctx.actor.id)
    return [Consent(row.client_id, row.client_name, row.scope, row.granted_at) for row in held]


@operation.delete("/v1/identity/me/consents/{client_id}", scope="identity:write")
async def take_consent_back(ctx: Context, client_id: ClientId) -> None:
    """Let an application act for you no more. Its tokens stop working within a second. Raises NotFound."""
    await reachable_consent(ctx, client_id)
    await forget(ctx, ctx.actor.id, client_id)
    await audit_log.record(ctx, Action.CONSENT_TAKE_BACK, about=ctx.actor.id, target=str(client_id))


async def keep(ctx: Context, account_id: AccountId, client_id: ClientId, scopes: Sequence[str]) -> None:
    """Keep what was agreed to, in the open transaction; what was agreed to before stays so."""
    both = {"account_id": account_id, "client_id": client_id}
    held = await ctx.tx.maybe(queries.find_consent, **both)
    all_scopes = dict.fromkeys([*(held.scope.split() if held else ()), *scopes])
    await ctx.tx.run(queries.keep_consent, **both, scope=" ".join(all_scopes), granted_at=ctx.now)
    await audit_log.record(ctx, Action.CONSENT_GIVE, about=account_id, target=str(client_id))


async def forget_all(ctx: Context, account_id: AccountId) -> None:
    """Forget what an account let any client do, in the open transaction. The sessions are ended by whoever calls."""
    await ctx.tx.run(queries.forget_codes_of_account, account_id=account_id)
    await ctx.tx.run(device_queries.forget_devices_of_account, account_id=account_id)
    await ctx.tx.run(queries.forget_consents_of_account, account_id=account_id)


async def forget(ctx: Context, account_id: AccountId, client_id: ClientId) -> None:
    """End all that a client has of an account, in the open transaction."""
    both = {"account_id": account_id, "client_id": client_id}
    await ctx.tx.run(queries.forget_consent, **both)
    await ctx.tx.run(queries.forget_codes_between, **both)
    await ctx.tx.run(device_queries.forget_devices_between, **both)
    await revoke(ctx, await ctx.tx.all(queries.end_sessions_between, **both))
