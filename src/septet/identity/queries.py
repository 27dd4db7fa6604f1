"""Every query of identity, by the table it is about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Integer, bindparam, case, delete, exists, func, literal_column, or_, select, update

from septet.core.columns import Id, Instant, Text
from septet.core.database import many, maybe, one, run
from septet.core.paging import keyset
from septet.identity.factors.tables import passkeys, totps
from septet.identity.rows import (
    Counted,
    Found,
    Holder,
    Revocation,
    RoleGrant,
    SessionRow,
    SessionSeen,
    Verification,
    VerificationHeld,
)
from septet.identity.statements import delete_some, insert_row
from septet.identity.tables import accounts, revocations, role_grants, roles, sessions, verifications
from septet.identity.types import Account, Role, ServerRole, Suspension

# Accounts

_account = (
    accounts.c.id,
    accounts.c.email,
    accounts.c.email_verified,
    accounts.c.name,
    accounts.c.locale,
    accounts.c.created_at,
)
_is_administrator = (
    exists()
    .where(role_grants.c.account_id == accounts.c.id, role_grants.c.role == Role.ADMINISTRATOR.value)
    .label("administrator")
)
_SPACE: Any = literal_column("' '")
_role_scopes = (
    select(func.aggregate_strings(roles.c.scope, _SPACE))
    .join(role_grants, role_grants.c.role == roles.c.name)
    .where(role_grants.c.account_id == accounts.c.id)
    .scalar_subquery()
    .label("role_scopes")
)
_has_second_factor = or_(
    exists().where(totps.c.account_id == accounts.c.id, totps.c.confirmed_at.is_not(None)),
    exists().where(passkeys.c.account_id == accounts.c.id),
).label("second_factor")
_holder = select(
    *_account, accounts.c.password_hash, accounts.c.suspended_at, _is_administrator, _has_second_factor, _role_scopes
)

insert_account = maybe(
    insert_row(accounts).on_conflict_do_nothing(index_elements=["email_key"]).returning(*_account), into=Account
)
find_account = maybe(select(*_account).where(accounts.c.id == bindparam("id")), into=Account)
find_account_by_email = maybe(select(*_account).where(accounts.c.email_key == bindparam("email_key")), into=Account)
find_id_by_email = maybe(select(accounts.c.id).where(accounts.c.email_key == bindparam("email_key")), into=Found)
any_account = maybe(select(accounts.c.id).order_by(accounts.c.id).limit(1), into=Found)
find_holder = maybe(_holder.where(accounts.c.id == bindparam("id")), into=Holder)
find_holder_by_email = maybe(_holder.where(accounts.c.email_key == bindparam("email_key")), into=Holder)
all_accounts = keyset(select(*_account), by=(accounts.c.id,), newest_first=True, into=Account)

update_profile = maybe(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"))
    .values(name=bindparam("name"), locale=bindparam("locale"))
    .returning(*_account),
    into=Account,
)
set_email = maybe(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"))
    .values(email=bindparam("email"), email_key=bindparam("email_key"), email_verified=True)
    .returning(*_account),
    into=Account,
)
# Only if the password is still the one that was checked: another change may have come between.
_still_checked = (
    accounts.c.id == bindparam("account_id"),
    accounts.c.password_hash == bindparam("old_hash", type_=Text),
)
rehash_password = run(update(accounts).where(*_still_checked).values(password_hash=bindparam("new_hash", type_=Text)))
replace_password = run(
    update(accounts)
    .where(*_still_checked)
    .values(password_hash=bindparam("new_hash", type_=Text), password_short=bindparam("short", type_=Boolean()))
)
password_is_short = maybe(
    select(accounts.c.id).where(accounts.c.id == bindparam("id"), accounts.c.password_short.is_(True)), into=Found
)
reset_password = one(
    update(accounts)
    .where(accounts.c.email_key == bindparam("address_key", type_=Text))
    .values(
        password_hash=bindparam("new_hash", type_=Text),
        password_short=bindparam("short", type_=Boolean()),
        email_verified=True,
    )
    .returning(*_account),
    into=Account,
)
# Its owner proved, for the first time, to read its mail: what a stranger chose is theirs no longer.
take_over = run(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"))
    .values(email_verified=True, password_hash=None, password_short=None)
)
suspension_of = one(select(accounts.c.suspended_at).where(accounts.c.id == bindparam("id")), into=Suspension)
# Suspended again, it stays so since the first time.
suspend = run(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.suspended_at.is_(None))
    .values(suspended_at=bindparam("now", type_=Instant))
)
lift_suspension = run(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.suspended_at.is_not(None))
    .values(suspended_at=None)
)
delete_account = run(delete(accounts).where(accounts.c.id == bindparam("id")))

# Roles

grant_role = run(insert_row(role_grants).on_conflict_do_nothing(index_elements=["account_id", "role"]))
revoke_role = run(
    delete(role_grants).where(
        role_grants.c.account_id == bindparam("account_id"), role_grants.c.role == bindparam("role")
    )
)
revoke_all_roles = run(delete(role_grants).where(role_grants.c.account_id == bindparam("account_id")))
some_with_role = many(  # two are enough to know that one is not the last
    select(role_grants.c.account_id.label("id"))
    .where(role_grants.c.role == bindparam("role"))
    .order_by(role_grants.c.account_id)
    .limit(2),
    into=Found,
)
roles_of = many(
    select(role_grants.c.role, role_grants.c.granted_at).where(role_grants.c.account_id == bindparam("account_id")),
    into=RoleGrant,
)

_role = (roles.c.name, roles.c.scope, roles.c.description)
all_roles = many(select(*_role).order_by(roles.c.name), into=ServerRole, scan="roles are few, and all are wanted")
find_role = maybe(select(*_role).where(roles.c.name == bindparam("name")), into=ServerRole)
_new_role = insert_row(roles)
keep_role = run(
    _new_role.on_conflict_do_update(
        index_elements=["name"],
        set_={"scope": _new_role.excluded.scope, "description": _new_role.excluded.description},
    )
)
delete_role = run(delete(roles).where(roles.c.name == bindparam("name")))

# Sessions

_session = (
    sessions.c.id,
    sessions.c.account_id,
    sessions.c.counter,
    sessions.c.rotated_at,
    sessions.c.expires_at,
    func.coalesce(sessions.c.proven_at, sessions.c.created_at, type_=Instant).label("proven_at"),
    sessions.c.factors,
    sessions.c.methods,
    sessions.c.client_id,
    sessions.c.scope,
    sessions.c.kind,
)
_shown_session = (
    sessions.c.id,
    sessions.c.name,
    sessions.c.created_at,
    sessions.c.rotated_at,
    sessions.c.address,
    sessions.c.user_agent,
)
_seen = select(*_shown_session).where(sessions.c.account_id == bindparam("account_id"))

_heard_of: dict[str, Any] = {
    "rotated_at": bindparam("now", type_=Instant),
    "expires_at": case(
        (sessions.c.final_at < bindparam("idle_until", type_=Instant), sessions.c.final_at),
        else_=bindparam("idle_until", type_=Instant),
    ),
}

insert_session = one(insert_row(sessions).returning(*_session), into=SessionRow)
find_session = maybe(select(*_session).where(sessions.c.id == bindparam("id")), into=SessionRow)
# The one atomic step of a refresh: of many that present the same counter, one finds it still in place.
rotate_session = maybe(
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id", type_=Id),
        sessions.c.counter == bindparam("presented", type_=sessions.c.counter.type),
        sessions.c.expires_at > bindparam("now", type_=Instant),
    )
    .values(counter=sessions.c.counter + 1, **_heard_of)
    .returning(*_session),
    into=SessionRow,
)
hear_of_session = run(update(sessions).where(sessions.c.id == bindparam("session_id", type_=Id)).values(**_heard_of))
prove_session = one(
    update(sessions)
    .where(sessions.c.id == bindparam("session_id", type_=Id))
    .values(
        proven_at=bindparam("proven_at", type_=Instant),
        factors=bindparam("factors", type_=Integer),
        methods=bindparam("methods", type_=Text),
    )
    .returning(*_session),
    into=SessionRow,
)
name_session = maybe(
    update(sessions)
    .where(sessions.c.id == bindparam("session_id", type_=Id), sessions.c.account_id == bindparam("owner", type_=Id))
    .values(name=bindparam("new_name", type_=Text))
    .returning(*_shown_session),
    into=SessionSeen,
)
sessions_seen = keyset(_seen, by=(sessions.c.id,), newest_first=True, into=SessionSeen)
sessions_held = many(_seen.order_by(sessions.c.id), into=SessionSeen)

_of_account = sessions.c.account_id == bindparam("account_id")
end_session = many(delete(sessions).where(sessions.c.id == bindparam("id")).returning(sessions.c.id), into=Found)
end_session_of = many(
    delete(sessions).where(sessions.c.id == bindparam("id"), _of_account).returning(sessions.c.id), into=Found
)
end_other_sessions = many(
    delete(sessions).where(_of_account, sessions.c.id != bindparam("kept", type_=Id)).returning(sessions.c.id),
    into=Found,
)
end_all_sessions = many(delete(sessions).where(_of_account).returning(sessions.c.id), into=Found)
_beyond_the_newest = (
    select(sessions.c.id)
    .where(_of_account)
    .order_by(sessions.c.id.desc())
    .limit(1000)
    .offset(bindparam("most", type_=Integer))
)
end_oldest_sessions = many(
    delete(sessions)
    .where(sessions.c.id.in_(_beyond_the_newest), sessions.c.rotated_at < bindparam("unused_since", type_=Instant))
    .returning(sessions.c.id),
    into=Found,
    sorts="an account's sessions, which these very logins keep few",
)
sweep_sessions = run(delete_some(sessions, sessions.c.expires_at < bindparam("before")))

# Revocations

insert_revocation = run(insert_row(revocations).on_conflict_do_nothing(index_elements=["session_id"]))
revocations_since = many(
    select(revocations.c.session_id, revocations.c.until).where(revocations.c.created_at > bindparam("since")),
    into=Revocation,
)
sweep_revocations = run(delete_some(revocations, revocations.c.created_at < bindparam("before")))

# Verifications

_verification = (
    verifications.c.id,
    verifications.c.purpose,
    verifications.c.email,
    verifications.c.email_key,
    verifications.c.account_id,
    verifications.c.name,
    verifications.c.locale,
    verifications.c.password_hash,
    verifications.c.key_id,
    verifications.c.sent_at,
    verifications.c.expires_at,
)

insert_verification = run(insert_row(verifications))
find_verification = maybe(select(*_verification).where(verifications.c.id == bindparam("id")), into=Verification)
# Counting a try and reading what it is about are one step, so no number of callers gets more tries.
try_verification = maybe(
    update(verifications)
    .where(verifications.c.id == bindparam("verification_id", type_=Id), verifications.c.tries < bindparam("most"))
    .values(tries=verifications.c.tries + 1)
    .returning(*_verification),
    into=Verification,
)
mark_sent = run(
    update(verifications)
    .where(verifications.c.id == bindparam("verification_id", type_=Id))
    .values(sent_at=bindparam("now", type_=Instant))
)
mails_before = one(
    select(func.count().label("number")).where(
        verifications.c.email_key == bindparam("email_key"),
        verifications.c.id < bindparam("id"),
        verifications.c.created_at > bindparam("since"),
    ),
    into=Counted,
)
end_verifications_of_email = run(delete(verifications).where(verifications.c.email_key == bindparam("email_key")))
end_verifications_of_account = run(delete(verifications).where(verifications.c.account_id == bindparam("account_id")))
consume_verification = run(delete(verifications).where(verifications.c.id == bindparam("id")))
sweep_verifications = run(delete_some(verifications, verifications.c.expires_at < bindparam("before")))

_held = select(
    verifications.c.id,
    verifications.c.purpose,
    verifications.c.email,
    verifications.c.name,
    verifications.c.locale,
    verifications.c.sent_at,
    verifications.c.created_at,
    verifications.c.expires_at,
).order_by(verifications.c.id)
verifications_of_email = many(_held.where(verifications.c.email_key == bindparam("email_key")), into=VerificationHeld)
verifications_of_account = many(
    _held.where(verifications.c.account_id == bindparam("account_id")), into=VerificationHeld
)
