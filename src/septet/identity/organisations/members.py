"""Members of an organisation: listed, given other roles, removed; and leaving."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.events import MemberLeft
from septet.identity.organisations import queries
from septet.identity.organisations.membership import (
    allowed,
    membership,
    permissions_of,
    reachable_membership,
    refuse_beyond,
    refuse_to_lose_last_owner,
)
from septet.identity.organisations.permissions import MEMBERS_MANAGE, MEMBERS_READ, OWNER
from septet.identity.organisations.problems import LastOwner
from septet.identity.organisations.rows import MembershipRow
from septet.identity.organisations.types import Member, MemberRole, OrganisationId


@operation.get("/v1/identity/organisations/{id}/members", scope="identity:read")
async def list_members(
    ctx: Context, id: OrganisationId, limit: Limit = 20, cursor: CursorText | None = None
) -> Page[Member]:
    """Who is in an organisation. Takes `members:read`. Raises NotFound, Forbidden."""
    await allowed(ctx, MEMBERS_READ, id)
    return await page(ctx, queries.members_of, limit, cursor, organisation_id=id)


@operation.put("/v1/identity/organisations/{id}/members/{account_id}", scope="identity:write", raises=(LastOwner,))
async def change_member(ctx: Context, id: OrganisationId, account_id: AccountId, body: MemberRole) -> Member:
    """Give a member another role. Takes `members:manage`, and all that both roles may do.

    Raises NotFound, Forbidden, LastOwner.
    """
    own = await allowed(ctx, MEMBERS_MANAGE, id)
    member = await _reachable_member(ctx, own, account_id)
    refuse_beyond(own, member.held)
    refuse_beyond(own, await permissions_of(ctx, id, body.role))
    if member.role == OWNER and body.role != OWNER:
        await refuse_to_lose_last_owner(ctx, id, account_id)
    await ctx.tx.run(queries.set_role, organisation_id=id, account_id=account_id, new_role=body.role)
    await audit_log.record(ctx, Action.MEMBER_CHANGE, about=account_id, target=f"{id} {body.role}")
    changed = await ctx.tx.maybe(queries.find_member, organisation_id=id, account_id=account_id)
    assert changed is not None  # it was read in this transaction
    return changed


@operation.delete("/v1/identity/organisations/{id}/members/{account_id}", scope="identity:write", raises=(LastOwner,))
async def remove_member(ctx: Context, id: OrganisationId, account_id: AccountId) -> None:
    """Leave an organisation, by your own id; or remove another, which takes `members:manage` and all that they may do.

    Raises NotFound, Forbidden, LastOwner.
    """
    own = await reachable_membership(ctx, id)
    member = own
    if account_id != own.account_id:
        own = await allowed(ctx, MEMBERS_MANAGE, id)
        member = await _reachable_member(ctx, own, account_id)
        refuse_beyond(own, member.held)
    if member.role == OWNER:
        await refuse_to_lose_last_owner(ctx, id, account_id)
    await ctx.tx.run(queries.delete_member, organisation_id=id, account_id=account_id)
    ctx.publish(MemberLeft(id, account_id))
    await audit_log.record(ctx, Action.MEMBER_REMOVE, about=account_id, target=str(id))


async def _reachable_member(ctx: Context, own: MembershipRow, account: AccountId) -> MembershipRow:
    """Another member of the caller's organisation. Raises NotFound."""
    found = await membership(ctx, own.organisation_id, account)
    if found is None:
        raise NotFound("There is no such member.")
    return found
