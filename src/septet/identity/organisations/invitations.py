"""Invitations: to an e-mail address, accepted by the account that has proven to read it.

The mail holds no secret, so it may be forwarded or read by anybody; and no word that the inviter chose, so nobody
sends their own words by it. What is told to who invites does not depend on whether the address has an account.
"""

from __future__ import annotations

from datetime import timedelta

from septet.core.context import Context
from septet.core.errors import Conflict, NotFound
from septet.core.ids import new_id
from septet.core.limits import per_day, per_minute
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import CursorText, Limit, Page
from septet.identity import tasks
from septet.identity.addresses import key_of, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.me import reachable_me
from septet.identity.organisations import queries
from septet.identity.organisations.membership import allowed, permissions_of, refuse_beyond
from septet.identity.organisations.organisations import refuse_too_many
from septet.identity.organisations.permissions import MEMBERS_MANAGE
from septet.identity.organisations.rows import InvitationRow
from septet.identity.organisations.types import (
    Invitation,
    InvitationId,
    NewInvitation,
    Organisation,
    OrganisationId,
    OwnInvitation,
)
from septet.identity.tasks import InvitationMail

_HOLDS = timedelta(days=7)
_TO_ONE_ADDRESS = per_day(10, name="invited")  # whoever invites it, so that nobody floods a mailbox
_MOST_INVITATIONS = 200  # that wait, of one organisation


@operation.post("/v1/identity/organisations/{id}/invitations", scope="identity:write", limit=per_minute(20))
async def invite(ctx: Context, id: OrganisationId, body: NewInvitation) -> Invitation:
    """Invite somebody by their e-mail address, for seven days; a mail tells them. Takes `members:manage`.

    Again to the same address, it takes the place of the one that waits.
    Raises NotFound, Forbidden; Conflict beyond 200; TooMany beyond ten mails a day to one address, whoever sends them.
    """
    own = await allowed(ctx, MEMBERS_MANAGE, id)
    refuse_beyond(own, await permissions_of(ctx, id, body.role))
    waiting = await ctx.tx.one(queries.count_invitations, organisation_id=id)
    if waiting.number >= _MOST_INVITATIONS:
        raise Conflict(f"At most {_MOST_INVITATIONS} invitations at a time.")
    address = read_address(body.email)
    ctx.spend(_TO_ONE_ADDRESS, "invite", address.hidden(), refusal="This address was invited often enough for now.")
    made = await ctx.tx.one(
        queries.insert_invitation,
        id=new_id(),
        organisation_id=id,
        email=address.text,
        email_key=address.key,
        role=body.role,
        invited_by=ctx.actor.id,
        created_at=ctx.now,
        expires_at=ctx.now + _HOLDS,
    )
    ctx.enqueue(tasks.send_invitation, InvitationMail(made.email))
    await audit_log.record(ctx, Action.INVITE, about=ctx.actor.id, target=str(id))
    return made


@operation.get("/v1/identity/organisations/{id}/invitations", scope="identity:read")
async def list_invitations(
    ctx: Context, id: OrganisationId, limit: Limit = 20, cursor: CursorText | None = None
) -> Page[Invitation]:
    """The invitations of an organisation that wait. Takes `members:manage`. Raises NotFound, Forbidden."""
    await allowed(ctx, MEMBERS_MANAGE, id)
    return await page(ctx, queries.invitations_of, limit, cursor, organisation_id=id)


@operation.delete("/v1/identity/organisations/{id}/invitations/{invitation_id}", scope="identity:write")
async def withdraw_invitation(ctx: Context, id: OrganisationId, invitation_id: InvitationId) -> None:
    """Take an invitation back. Takes `members:manage`. Raises NotFound, Forbidden."""
    await allowed(ctx, MEMBERS_MANAGE, id)
    if not await ctx.tx.run(queries.delete_invitation_of, id=invitation_id, organisation_id=id):
        raise NotFound("There is no such invitation.")


@operation.get("/v1/identity/me/invitations", scope="identity:read")
async def list_own_invitations(ctx: Context) -> list[OwnInvitation]:
    """The invitations to your e-mail address, once it is verified."""
    me = await reachable_me(ctx)
    if not me.email_verified:
        return []
    return await ctx.tx.all(queries.invitations_to, email_key=key_of(me.email), now=ctx.now)


@operation.post("/v1/identity/me/invitations/{id}/acceptance", scope="identity:write")
async def accept_invitation(ctx: Context, id: InvitationId) -> Organisation:
    """Become a member. Who is one already stays what they are. Raises NotFound."""
    found = await _reachable_invitation(ctx, id)
    await refuse_too_many(ctx)
    await ctx.tx.run(queries.delete_invitation, id=id)
    organisation, account = found.organisation_id, ctx.actor.id
    await ctx.tx.run(
        queries.insert_member, organisation_id=organisation, account_id=account, role=found.role, joined_at=ctx.now
    )
    await audit_log.record(ctx, Action.INVITATION_ACCEPT, about=account, target=str(organisation))
    joined = await ctx.tx.maybe(queries.find_organisation, organisation_id=organisation, account_id=account)
    assert joined is not None  # just now
    return joined


@operation.delete("/v1/identity/me/invitations/{id}", scope="identity:write")
async def decline_invitation(ctx: Context, id: InvitationId) -> None:
    """Say no. Raises NotFound."""
    await _reachable_invitation(ctx, id)
    await ctx.tx.run(queries.delete_invitation, id=id)


async def _reachable_invitation(ctx: Context, id: InvitationId) -> InvitationRow:
    """An invitation to the caller's own, verified address, that still holds. Raises NotFound."""
    me = await reachable_me(ctx)
    found = await ctx.tx.maybe(queries.find_invitation, id=id, email_key=key_of(me.email), now=ctx.now)
    if found is None or not me.email_verified:
        raise NotFound("There is no such invitation to you.")
    return found
