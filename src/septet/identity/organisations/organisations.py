"""Organisations: made by anybody, seen by their members."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import TooMany
from septet.core.ids import new_id
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import CursorText, Limit, Page
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.events import OrganisationDeleted
from septet.identity.organisations import queries
from septet.identity.organisations.membership import allowed, reachable_membership
from septet.identity.organisations.permissions import EVERYTHING, ORGANISATION_MANAGE, OWNER
from septet.identity.organisations.types import NewOrganisation, Organisation, OrganisationId

_MOST_MEMBERSHIPS = 200  # of one account


@operation.post("/v1/identity/organisations", scope="identity:write", limit=per_minute(10))
async def create_organisation(ctx: Context, body: NewOrganisation) -> Organisation:
    """Make an organisation. You are its owner."""
    await refuse_too_many(ctx)
    id = OrganisationId(new_id())
    await ctx.tx.run(queries.insert_organisation, id=id, name=body.name, created_at=ctx.now)
    await ctx.tx.run(queries.insert_member, organisation_id=id, account_id=ctx.actor.id, role=OWNER, joined_at=ctx.now)
    await audit_log.record(ctx, Action.ORGANISATION_CREATE, about=ctx.actor.id, target=str(id))
    return Organisation(id, body.name, ctx.now, OWNER)


@operation.get("/v1/identity/organisations", scope="identity:read")
async def list_organisations(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Organisation]:
    """The organisations that you are a member of."""
    return await page(ctx, queries.organisations_of, limit, cursor, account_id=ctx.actor.id)


@operation.get("/v1/identity/organisations/{id}", scope="identity:read")
async def read_organisation(ctx: Context, id: OrganisationId) -> Organisation:
    """One of your organisations. Raises NotFound for any other."""
    await reachable_membership(ctx, id)
    return await _read(ctx, id)


@operation.patch("/v1/identity/organisations/{id}", scope="identity:write")
async def change_organisation(ctx: Context, id: OrganisationId, body: NewOrganisation) -> Organisation:
    """Give an organisation another name. Takes `organisation:manage`. Raises NotFound, Forbidden."""
    await allowed(ctx, ORGANISATION_MANAGE, id)
    await ctx.tx.run(queries.rename_organisation, organisation_id=id, new_name=body.name)
    return await _read(ctx, id)


@operation.delete("/v1/identity/organisations/{id}", scope="identity:write")
async def delete_organisation(ctx: Context, id: OrganisationId) -> None:
    """Delete an organisation, with its members' roles and its invitations. Owners only. Raises NotFound, Forbidden."""
    await allowed(ctx, EVERYTHING, id)
    await remove_organisation(ctx, id)
    await audit_log.record(ctx, Action.ORGANISATION_DELETE, about=ctx.actor.id, target=str(id))


async def remove_organisation(ctx: Context, id: OrganisationId) -> None:
    """Delete every row of it, in the open transaction, and say so to who holds anything for it."""
    await ctx.tx.run(queries.delete_invitations, organisation_id=id)
    await ctx.tx.run(queries.delete_members, organisation_id=id)
    await ctx.tx.run(queries.delete_roles, organisation_id=id)
    await ctx.tx.run(queries.delete_organisation, organisation_id=id)
    ctx.publish(OrganisationDeleted(id))


async def refuse_too_many(ctx: Context) -> None:
    """Raise TooMany for who is a member of so many that one more is a mistake, or worse."""
    held = await ctx.tx.one(queries.count_memberships, account_id=ctx.actor.id)
    if held.number >= _MOST_MEMBERSHIPS:
        raise TooMany(f"At most {_MOST_MEMBERSHIPS} organisations.", retry_after=86_400)


async def _read(ctx: Context, id: OrganisationId) -> Organisation:
    found = await ctx.tx.maybe(queries.find_organisation, organisation_id=id, account_id=ctx.actor.id)
    assert found is not None  # the caller is a member of it
    return found
