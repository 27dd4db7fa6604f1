"""Roles of this server's own: what they may do, and who has them. Nobody gives more than they have."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Conflict, Forbidden, Invalid, NotFound
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.accounts import reachable_account
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.problems import RoleInUse
from septet.identity.revocations import revoke
from septet.identity.types import Role, RoleHeld, RoleName, ServerRole, ServerRoleChange

_MOST_ROLES = 100


@operation.get("/v1/identity/roles", scope="identity:admin")
async def list_roles(ctx: Context) -> list[ServerRole]:
    """The roles of this server's own, beside `administrator`."""
    return await ctx.tx.all(queries.all_roles)


@operation.put("/v1/identity/roles/{name}", scope="identity:admin")
async def keep_role(ctx: Context, name: RoleName, body: ServerRoleChange) -> ServerRole:
    """Make a role, or change what it may do; for who has it, from their next refresh on.

    Raises Invalid for an unknown scope, Forbidden for one that you have not, Conflict for `administrator`.
    """
    if name == Role.ADMINISTRATOR.value:
        raise Conflict("An administrator may do everything: this role cannot be changed.")
    scopes = list(dict.fromkeys(body.scope.split()))
    unknown = [scope for scope in scopes if scope not in ctx.runtime.registry.scopes]
    if unknown or not scopes:
        raise Invalid(f"There is no scope {' '.join(unknown)}.", pointer="/scope")
    _refuse_beyond(ctx, scopes)
    there = {role.name for role in await ctx.tx.all(queries.all_roles)}
    if name not in there and len(there) >= _MOST_ROLES:
        raise Conflict(f"At most {_MOST_ROLES} roles.")
    role = ServerRole(name, " ".join(scopes), body.description)
    values = {"name": name, "scope": role.scope, "description": role.description}
    await ctx.tx.run(queries.keep_role, **values, created_at=ctx.now)
    await audit_log.record(ctx, Action.ROLE_CHANGE, about=ctx.actor.account, target=name)
    return role


@operation.delete("/v1/identity/roles/{name}", scope="identity:admin", raises=(RoleInUse,))
async def delete_role(ctx: Context, name: RoleName) -> None:
    """Delete a role that nobody has. Raises NotFound, RoleInUse."""
    await _reachable_role(ctx, name)
    if await ctx.tx.all(queries.some_with_role, role=name):
        raise RoleInUse("Somebody has this role.")
    await ctx.tx.run(queries.delete_role, name=name)
    await audit_log.record(ctx, Action.ROLE_DELETE, about=ctx.actor.account, target=name)


@operation.get("/v1/identity/accounts/{id}/roles", scope="identity:admin")
async def list_roles_of_account(ctx: Context, id: AccountId) -> list[RoleHeld]:
    """The roles that an account has. Raises NotFound."""
    await reachable_account(ctx, id)
    return [RoleHeld(grant.role, grant.granted_at) for grant in await ctx.tx.all(queries.roles_of, account_id=id)]


@operation.put("/v1/identity/accounts/{id}/roles/{role}", scope="identity:admin")
async def grant_role(ctx: Context, id: AccountId, role: RoleName) -> None:
    """Give an account a role, from its next refresh on. Raises NotFound; Forbidden if it may more than you."""
    account = await reachable_account(ctx, id)
    _refuse_beyond(ctx, (await _reachable_role(ctx, role)).scope.split())
    if await ctx.tx.run(queries.grant_role, account_id=account.id, role=role, granted_at=ctx.now):
        await audit_log.record(ctx, Action.ROLE_GRANT, about=account.id, target=role)


@operation.delete("/v1/identity/accounts/{id}/roles/{role}", scope="identity:admin")
async def revoke_role(ctx: Context, id: AccountId, role: RoleName) -> None:
    """Take a role from an account. Its sessions end, because their tokens said more. Raises NotFound."""
    account = await reachable_account(ctx, id)
    await _reachable_role(ctx, role)
    if await ctx.tx.run(queries.revoke_role, account_id=account.id, role=role):
        await revoke(ctx, await ctx.tx.all(queries.end_all_sessions, account_id=account.id))
        await audit_log.record(ctx, Action.ROLE_REVOKE, about=account.id, target=role)


async def _reachable_role(ctx: Context, name: str) -> ServerRole:
    """Raises NotFound, also for `administrator`, which is given and taken in its own way."""
    found = await ctx.tx.maybe(queries.find_role, name=name)
    if found is None:
        raise NotFound("There is no such role.")
    return found


def _refuse_beyond(ctx: Context, scopes: list[str]) -> None:
    beyond = [scope for scope in scopes if scope not in ctx.actor.scopes]
    if beyond:
        raise Forbidden(f"Nobody gives more than they have: {' '.join(beyond)}.")
