"""Why somebody may do something, or may not: decided by what decides it, and told in words."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Invalid, NotFound
from septet.core.operation import Operation, operation
from septet.core.types import AccountId, Output
from septet.identity import queries
from septet.identity.organisations.membership import membership, reachable_membership
from septet.identity.organisations.permissions import why_not_do
from septet.identity.organisations.types import OrganisationId
from septet.identity.roles import scope_of
from septet.identity.rows import Holder
from septet.identity.types import Role


class Reason(Output):
    """One rule. `met` is null where it depends on more than is known here, such as a fresh proof."""

    rule: str
    met: bool | None
    detail: str


class AccessExplanation(Output):
    """Whether an account may, as far as roles, scopes and memberships decide; and the rules that do."""

    allowed: bool
    reasons: list[Reason]


@operation.get("/v1/identity/explanation", scope="identity:read", raises=(NotFound,))
async def explain_access(
    ctx: Context,
    operation_name: str | None = None,
    permission: str | None = None,
    organisation_id: OrganisationId | None = None,
    account_id: AccountId | None = None,
) -> AccessExplanation:
    """Whether you, or with `identity:admin` any account, may call an operation, or do something in an organisation.

    Give `operation_name`, or `permission` with `organisation_id`, or all three. Raises NotFound, Forbidden, Invalid.
    """
    if operation_name is None and (permission is None or organisation_id is None):
        raise Invalid("Name an operation, or a permission and an organisation.", pointer="/operation_name")
    whose = ctx.actor.id if account_id is None else account_id
    if whose != ctx.actor.id:
        ctx.require_scope("identity:admin")
    holder = await ctx.tx.maybe(queries.find_holder, id=whose)
    if holder is None:
        raise NotFound("There is no such account.")
    reasons = [_standing(holder)]
    if operation_name is not None:
        reasons += await _about_operation(ctx, _operation(ctx, operation_name), holder)
    if permission is not None and organisation_id is not None:
        reasons.append(await _about_permission(ctx, permission, organisation_id, holder))
    return AccessExplanation(all(reason.met is not False for reason in reasons), reasons)


def _operation(ctx: Context, name: str) -> Operation:
    found = ctx.runtime.registry.operations.get(name)
    if found is None:
        raise NotFound("There is no such operation.")
    return found


def _standing(holder: Holder) -> Reason:
    if holder.suspended_at is not None:
        return Reason("account", False, f"The account is suspended since {holder.suspended_at:%Y-%m-%d}.")
    return Reason("account", True, "The account is not suspended.")


async def _about_operation(ctx: Context, asked: Operation, holder: Holder) -> list[Reason]:
    scope, proof = asked.declared.scope, asked.declared.proof
    if scope is None:
        return [Reason("scope", True, "Anybody may call it.")]
    reasons = [await _about_scope(ctx, scope, holder)]
    if proof is not None:
        own = holder.id == ctx.actor.account
        age = ctx.now.timestamp() - ctx.actor.proven_at
        met = (proof.seconds is None or age <= proof.seconds) and ctx.actor.factors >= proof.factors if own else None
        reasons.append(Reason("proof", met, f"It asks {proof.in_words()}."))
    return reasons


async def _about_scope(ctx: Context, scope: str, holder: Holder) -> Reason:
    """By which role it comes; or which roles would give it."""
    if scope in ctx.runtime.registry.member_scopes:
        return Reason("scope", True, f"Every member has {scope}.")
    roles = await ctx.tx.all(queries.all_roles)
    giving = [role.name for role in roles if scope in role.scope.split()]
    if scope in scope_of(ctx.runtime.registry, holder).split():
        held = {grant.role for grant in await ctx.tx.all(queries.roles_of, account_id=holder.id)}
        by = ", ".join(sorted({Role.ADMINISTRATOR.value, *giving} & held))
        return Reason("scope", True, f"It has {scope} by its role {by}.")
    would = ", ".join([Role.ADMINISTRATOR.value, *giving])
    return Reason("scope", False, f"It needs {scope}, which comes with the role {would}.")


async def _about_permission(ctx: Context, permission: str, organisation: OrganisationId, holder: Holder) -> Reason:
    """Raises NotFound to who is outside, and is no administrator of the server."""
    if "identity:admin" not in ctx.actor.scopes:
        await reachable_membership(ctx, organisation)
    found = await membership(ctx, organisation, holder.id)
    if found is None:
        return Reason("organisation", False, "It is no member of this organisation.")
    reason = why_not_do(found.held, permission)
    return Reason("organisation", reason is None, reason or f"Its role {found.role} holds {permission}.")
