"""Queries of organisations."""

from __future__ import annotations

from sqlalchemy import Integer, and_, bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from septet.core.columns import Id, Instant, Text
from septet.core.database import many, maybe, one, run
from septet.core.paging import keyset
from septet.identity.organisations.rows import InvitationHeld, InvitationRow, MemberId, MembershipRow, RoleRow
from septet.identity.organisations.tables import invitations, members, organisation_roles, organisations
from septet.identity.organisations.types import Invitation, Member, Organisation, OwnInvitation
from septet.identity.rows import Counted, Found
from septet.identity.statements import delete_some, insert_row
from septet.identity.tables import accounts

_organisation = bindparam("organisation_id", type_=Id)
_account = bindparam("account_id", type_=Id)

# Organisations

insert_organisation = run(insert_row(organisations))
organisations_of = keyset(
    select(organisations.c.id, organisations.c.name, organisations.c.created_at, members.c.role)
    .join(organisations, organisations.c.id == members.c.organisation_id)
    .where(members.c.account_id == bindparam("account_id")),
    by=(members.c.organisation_id.label("id"),),
    into=Organisation,
)
find_organisation = maybe(
    select(organisations.c.id, organisations.c.name, organisations.c.created_at, members.c.role)
    .join(members, members.c.organisation_id == organisations.c.id)
    .where(organisations.c.id == bindparam("organisation_id"), members.c.account_id == bindparam("account_id")),
    into=Organisation,
)
rename_organisation = run(
    update(organisations).where(organisations.c.id == _organisation).values(name=bindparam("new_name", type_=Text))
)
delete_organisation = run(delete(organisations).where(organisations.c.id == bindparam("organisation_id")))

# Members

_with_permissions = select(
    members.c.organisation_id, members.c.account_id, members.c.role, organisation_roles.c.permissions
).outerjoin(
    organisation_roles,
    and_(
        organisation_roles.c.organisation_id == members.c.organisation_id, organisation_roles.c.name == members.c.role
    ),
)
insert_member = run(insert_row(members).on_conflict_do_nothing(index_elements=["organisation_id", "account_id"]))
find_membership = maybe(
    _with_permissions.where(
        members.c.organisation_id == bindparam("organisation_id"), members.c.account_id == bindparam("account_id")
    ),
    into=MembershipRow,
)
memberships_of = many(
    _with_permissions.where(members.c.account_id == bindparam("account_id")).order_by(members.c.organisation_id),
    into=MembershipRow,
)
members_of = keyset(
    select(members.c.account_id, accounts.c.name, members.c.role, members.c.joined_at)
    .join(accounts, accounts.c.id == members.c.account_id)
    .where(members.c.organisation_id == bindparam("organisation_id")),
    by=(members.c.account_id,),
    into=Member,
)
find_member = maybe(
    select(members.c.account_id, accounts.c.name, members.c.role, members.c.joined_at)
    .join(accounts, accounts.c.id == members.c.account_id)
    .where(members.c.organisation_id == bindparam("organisation_id"), members.c.account_id == bindparam("account_id")),
    into=Member,
)
some_with_role = many(  # two are enough to know that one is not the last
    select(members.c.account_id)
    .where(members.c.organisation_id == bindparam("organisation_id"), members.c.role == bindparam("role"))
    .limit(2),
    into=MemberId,
)
some_members = many(
    select(members.c.account_id).where(members.c.organisation_id == bindparam("organisation_id")).limit(2),
    into=MemberId,
)
set_role = run(
    update(members)
    .where(members.c.organisation_id == _organisation, members.c.account_id == _account)
    .values(role=bindparam("new_role", type_=Text))
)
delete_member = run(
    delete(members).where(
        members.c.organisation_id == bindparam("organisation_id"), members.c.account_id == bindparam("account_id")
    )
)
delete_members = run(delete(members).where(members.c.organisation_id == bindparam("organisation_id")))
count_memberships = one(
    select(func.count().label("number")).where(members.c.account_id == bindparam("account_id")), into=Counted
)

# Roles

_new_role = insert_row(organisation_roles)
keep_role = run(
    _new_role.on_conflict_do_update(
        index_elements=["organisation_id", "name"], set_={"permissions": _new_role.excluded.permissions}
    )
)
roles_of = many(
    select(organisation_roles.c.name, organisation_roles.c.permissions)
    .where(organisation_roles.c.organisation_id == bindparam("organisation_id"))
    .order_by(organisation_roles.c.name),
    into=RoleRow,
)
find_role = maybe(
    select(organisation_roles.c.name, organisation_roles.c.permissions).where(
        organisation_roles.c.organisation_id == bindparam("organisation_id"),
        organisation_roles.c.name == bindparam("name"),
    ),
    into=RoleRow,
)
delete_role = run(
    delete(organisation_roles).where(
        organisation_roles.c.organisation_id == bindparam("organisation_id"),
        organisation_roles.c.name == bindparam("name"),
    )
)
delete_roles = run(
    delete(organisation_roles).where(organisation_roles.c.organisation_id == bindparam("organisation_id"))
)

# Invitations

_invitation = (
    invitations.c.id,
    invitations.c.email,
    invitations.c.role,
    invitations.c.created_at,
    invitations.c.expires_at,
)
_new_invitation = insert(invitations).values({column.key: bindparam(column.key) for column in invitations.columns})
# One to the same address takes the place of the one that waits.
insert_invitation = one(
    _new_invitation.on_conflict_do_update(
        index_elements=["email_key", "organisation_id"],
        set_={
            name: _new_invitation.excluded[name] for name in ("email", "role", "invited_by", "created_at", "expires_at")
        },
    ).returning(*_invitation),
    into=Invitation,
)
invitations_of = keyset(
    select(*_invitation).where(invitations.c.organisation_id == bindparam("organisation_id")),
    by=(invitations.c.id,),
    newest_first=True,
    into=Invitation,
)
_open = select(invitations.c.id).where(invitations.c.organisation_id == bindparam("organisation_id")).limit(1000)
count_invitations = one(
    select(literal_column("count(*)", Integer).label("number")).select_from(_open.subquery()), into=Counted
)
invitations_to = many(
    select(
        invitations.c.id,
        invitations.c.organisation_id,
        organisations.c.name.label("organisation_name"),
        invitations.c.role,
        invitations.c.expires_at,
    )
    .join(organisations, organisations.c.id == invitations.c.organisation_id)
    .where(invitations.c.email_key == bindparam("email_key"), invitations.c.expires_at > bindparam("now"))
    .order_by(invitations.c.organisation_id),
    into=OwnInvitation,
)
find_invitation = maybe(
    select(invitations.c.id, invitations.c.organisation_id, invitations.c.role).where(
        invitations.c.id == bindparam("id"),
        invitations.c.email_key == bindparam("email_key"),
        invitations.c.expires_at > bindparam("now", type_=Instant),
    ),
    into=InvitationRow,
)
delete_invitation = run(delete(invitations).where(invitations.c.id == bindparam("id")))
delete_invitation_of = run(
    delete(invitations).where(
        invitations.c.id == bindparam("id"), invitations.c.organisation_id == bindparam("organisation_id")
    )
)
invited_as = maybe(
    select(invitations.c.id)
    .where(invitations.c.organisation_id == bindparam("organisation_id"), invitations.c.role == bindparam("role"))
    .limit(1),
    into=Found,
)
delete_invitations = run(delete(invitations).where(invitations.c.organisation_id == bindparam("organisation_id")))
invitations_held = many(
    select(invitations.c.id, invitations.c.organisation_id, invitations.c.role)
    .where(invitations.c.invited_by == bindparam("account_id"))
    .order_by(invitations.c.id),
    into=InvitationHeld,
    sorts="those that one account sent, which are bounded",
)
forget_inviter = run(
    update(invitations).where(invitations.c.invited_by == bindparam("erased", type_=Id)).values(invited_by=None)
)
forget_address = run(delete(invitations).where(invitations.c.email_key == bindparam("email_key")))
sweep_invitations = run(delete_some(invitations, invitations.c.expires_at < bindparam("before")))
