"""Oneself: what the server holds about the caller, to read, change, take away and erase."""

from __future__ import annotations

import msgspec

from septet.core.arguments import IfMatch
from septet.core.context import Context
from septet.core.errors import Unauthenticated
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.versions import refuse_unless_current
from septet.identity import queries
from septet.identity.administrators import refuse_to_lose_last
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.events import AccountDeleted
from septet.identity.factors.strength import require_own_strength
from septet.identity.organisations.persons import refuse_to_orphan
from septet.identity.organisations.problems import LastOwner
from septet.identity.persons import erase_person
from septet.identity.problems import LastAdministrator
from septet.identity.types import Account, Export, MeChanges


async def reachable_me(ctx: Context) -> Account:
    """The caller's own account. Raises Unauthenticated if it was deleted a moment ago."""
    account = await ctx.tx.maybe(queries.find_account, id=ctx.actor.id)
    if account is None:
        raise Unauthenticated("This account is gone.")
    return account


@operation.get("/v1/identity/me", scope="identity:read", agent=True)
async def read_me(ctx: Context) -> Account:
    """Your account."""
    return await reachable_me(ctx)


@operation.patch("/v1/identity/me", scope="identity:write", agent=True)
async def change_me(ctx: Context, body: MeChanges, if_match: IfMatch = None) -> Account:
    """Change your name or language; what is absent stays as it is.

    The e-mail address is changed at `/v1/identity/me/email-changes`, the password at `/v1/identity/me/password`.
    """
    account = await reachable_me(ctx)
    refuse_unless_current(if_match, account)
    name = account.name if body.name is msgspec.UNSET else body.name
    locale = account.locale if body.locale is msgspec.UNSET else body.locale
    changed = await ctx.tx.maybe(queries.update_profile, account_id=account.id, name=name, locale=locale)
    assert changed is not None  # it was read in this transaction
    return changed


@operation.delete("/v1/identity/me", scope="identity:write", proof=fresh(), raises=(LastAdministrator, LastOwner))
async def delete_me(ctx: Context) -> None:
    """Delete your account, and with it all that any system holds about you. This cannot be taken back.

    It asks for a proof of the last five minutes, and for the second factor of whoever has one.
    Raises LastAdministrator if nobody else administers this server, LastOwner if nobody else owns an organisation
    that others are in; one that has no other member is deleted as well.
    """
    await require_own_strength(ctx)
    account = await reachable_me(ctx)
    await refuse_to_lose_last(ctx, account.id)
    await refuse_to_orphan(ctx, account.id)
    await erase_person(ctx, account.id)
    await audit_log.record_erased(ctx, Action.ACCOUNT_DELETE)
    ctx.publish(AccountDeleted(account.id))


@operation.get("/v1/identity/me/export", scope="identity:read", snapshot=True, proof=fresh())
async def export_me(ctx: Context) -> Export:
    """All that any system holds about you, by system and table. It asks for what deleting your account does."""
    await require_own_strength(ctx)
    account = await reachable_me(ctx)
    systems = {
        system.name: await system.export_person(ctx, account.id)
        for system in ctx.runtime.registry.systems
        if system.export_person is not None
    }
    return Export(account.id, ctx.now, systems)
