"""Who is a member of an organisation, and what they may do there: the only way into one."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Forbidden, NotFound
from septet.core.types import AccountId
from septet.identity.organisations import queries
from septet.identity.organisations.permissions import BUILT_IN, OWNER, why_not_do, why_not_give
from septet.identity.organisations.problems import LastOwner
from septet.identity.organisations.rows import MembershipRow
from septet.identity.organisations.types import OrganisationId


async def reachable_membership(ctx: Context, organisation: OrganisationId) -> MembershipRow:
    """The caller's own membership. Raises NotFound to outsiders: that there is such an organisation is not theirs."""
    found = await membership(ctx, organisation, ctx.actor.id)
    if found is None:
        raise NotFound("There is no such organisation.")
    return found


async def membership(ctx: Context, organisation: OrganisationId, account: AccountId) -> MembershipRow | None:
    """An account's membership, in the open transaction; None for who is no member."""
    return await ctx.tx.maybe(queries.find_membership, organisation_id=organisation, account_id=account)


async def why_not(ctx: Context, permission: str, organisation: OrganisationId) -> str | None:
    """Why the caller may not do what takes `permission` there; None if they may. Raises NotFound to outsiders."""
    return why_not_do((await reachable_membership(ctx, organisation)).held, permission)


async def allowed(ctx: Context, permission: str, organisation: OrganisationId) -> MembershipRow:
    """The caller's membership, once it lets them do this. Raises NotFound, Forbidden."""
    own = await reachable_membership(ctx, organisation)
    if (reason := why_not_do(own.held, permission)) is not None:
        raise Forbidden(reason)
    return own


async def permissions_of(ctx: Context, organisation: OrganisationId, role: str) -> frozenset[str]:
    """What a role of an organisation may do. Raises NotFound for one that it has not."""
    if role in BUILT_IN:
        return BUILT_IN[role]
    found = await ctx.tx.maybe(queries.find_role, organisation_id=organisation, name=role)
    if found is None:
        raise NotFound("This organisation has no such role.")
    return frozenset(found.permissions.split())


def refuse_beyond(own: MembershipRow, given: frozenset[str]) -> None:
    """Raise Forbidden unless the caller may give and take what holds `given`."""
    if (reason := why_not_give(own.held, given)) is not None:
        raise Forbidden(reason)


async def refuse_to_lose_last_owner(ctx: Context, organisation: OrganisationId, account: AccountId) -> None:
    """Raise LastOwner if nobody else owns it. Serializable transactions keep two from going at once."""
    owners = await ctx.tx.all(queries.some_with_role, organisation_id=organisation, role=OWNER)
    if [owner.account_id for owner in owners] == [account]:
        raise LastOwner("An organisation needs an owner: make someone else one first.")
