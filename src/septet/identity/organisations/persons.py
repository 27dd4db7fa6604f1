"""What organisations hold about a person: given out, and erased."""

from __future__ import annotations

from typing import Any

from septet.core.context import Context
from septet.core.types import AccountId
from septet.identity.addresses import key_of
from septet.identity.events import MemberLeft
from septet.identity.organisations import queries
from septet.identity.organisations.membership import refuse_to_lose_last_owner
from septet.identity.organisations.organisations import remove_organisation
from septet.identity.organisations.permissions import OWNER
from septet.identity.types import Account


async def export_memberships(ctx: Context, account: Account) -> dict[str, list[Any]]:
    return {
        "identity_member": [*await ctx.tx.all(queries.memberships_of, account_id=account.id)],
        "identity_invitation": [
            *await ctx.tx.all(queries.invitations_held, account_id=account.id),
            *await ctx.tx.all(queries.invitations_to, email_key=key_of(account.email), now=ctx.now),
        ],
    }


async def refuse_to_orphan(ctx: Context, account: AccountId) -> None:
    """Raise LastOwner if others would be left in an organisation without an owner."""
    for member in await ctx.tx.all(queries.memberships_of, account_id=account):
        others = await ctx.tx.all(queries.some_members, organisation_id=member.organisation_id)
        if member.role == OWNER and len(others) > 1:
            await refuse_to_lose_last_owner(ctx, member.organisation_id, account)


async def erase_memberships(ctx: Context, account: Account) -> None:
    """Leave every organisation. One that has nobody else goes as well."""
    for member in await ctx.tx.all(queries.memberships_of, account_id=account.id):
        others = await ctx.tx.all(queries.some_members, organisation_id=member.organisation_id)
        if len(others) == 1:
            await remove_organisation(ctx, member.organisation_id)
        else:
            await ctx.tx.run(queries.delete_member, organisation_id=member.organisation_id, account_id=account.id)
            ctx.publish(MemberLeft(member.organisation_id, account.id))
    await ctx.tx.run(queries.forget_inviter, erased=account.id)
    await ctx.tx.run(queries.forget_address, email_key=key_of(account.email))
