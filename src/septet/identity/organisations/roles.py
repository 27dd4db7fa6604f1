"""Roles of an organisation's own, beside those that every one has."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Conflict, NotFound
from septet.core.operation import operation
from septet.identity.organisations import queries
from septet.identity.organisations.membership import allowed, permissions_of, reachable_membership, refuse_beyond
from septet.identity.organisations.permissions import BUILT_IN, ROLES_MANAGE
from septet.identity.organisations.types import OrganisationId, OrganisationRole, RolePermissions
from septet.identity.problems import RoleInUse
from septet.identity.types import RoleName

_MOST_ROLES = 50


@operation.get("/v1/identity/organisations/{id}/roles", scope="identity:read")
async def list_organisation_roles(ctx: Context, id: OrganisationId) -> list[OrganisationRole]:
    """The roles of an organisation: those that every one has, then its own. Raises NotFound."""
    await reachable_membership(ctx, id)
    own = await ctx.tx.all(queries.roles_of, organisation_id=id)
    return [
        *(OrganisationRole(name, " ".join(sorted(held)), True) for name, held in BUILT_IN.items()),
        *(OrganisationRole(role.name, role.permissions, False) for role in own),
    ]


@operation.put("/v1/identity/organisations/{id}/roles/{name}", scope="identity:write")
async def keep_organisation_role(
    ctx: Context, id: OrganisationId, name: RoleName, body: RolePermissions
) -> OrganisationRole:
    """Make a role, or change what it may do, for all who have it. Takes `roles:manage`, and all that it may do.

    Raises NotFound, Forbidden; Conflict for a role that every organisation has, or beyond 50.
    """
    own = await allowed(ctx, ROLES_MANAGE, id)
    if name in BUILT_IN:
        raise Conflict("This role is the same in every organisation.")
    permissions = " ".join(dict.fromkeys(body.permissions.split()))
    there = {role.name: role.permissions for role in await ctx.tx.all(queries.roles_of, organisation_id=id)}
    if name not in there and len(there) >= _MOST_ROLES:
        raise Conflict(f"At most {_MOST_ROLES} roles.")
    refuse_beyond(own, frozenset(permissions.split()) | frozenset(there.get(name, "").split()))
    values = {"organisation_id": id, "name": name, "permissions": permissions}
    await ctx.tx.run(queries.keep_role, **values, created_at=ctx.now)
    return OrganisationRole(name, permissions, False)


@operation.delete("/v1/identity/organisations/{id}/roles/{name}", scope="identity:write", raises=(RoleInUse,))
async def delete_organisation_role(ctx: Context, id: OrganisationId, name: RoleName) -> None:
    """Delete a role that nobody has. Takes `roles:manage`, and all that it may do.

    Raises NotFound, Forbidden, RoleInUse.
    """
    own = await allowed(ctx, ROLES_MANAGE, id)
    if name in BUILT_IN:
        raise NotFound("This organisation has no such role of its own.")
    refuse_beyond(own, await permissions_of(ctx, id, name))
    had = await ctx.tx.all(queries.some_with_role, organisation_id=id, role=name)
    if had or await ctx.tx.maybe(queries.invited_as, organisation_id=id, role=name) is not None:
        raise RoleInUse("Somebody has this role, or is invited to it.")
    await ctx.tx.run(queries.delete_role, organisation_id=id, name=name)
