"""Every query of the OAuth provider."""

from __future__ import annotations

from sqlalchemy import Boolean, Integer, bindparam, delete, select, update

from septet.core.columns import Id, Json, Text
from septet.core.database import many, maybe, one, run
from septet.core.paging import keyset
from septet.identity.oauth.rows import ClientHeld, ClientRow, CodeRow, ConsentHeld, GivenHeld, SigningKeyRow
from septet.identity.oauth.tables import assertions, clients, codes, consents, signing_keys
from septet.identity.rows import Found
from septet.identity.statements import delete_some, insert_row
from septet.identity.tables import sessions

_client = (
    clients.c.id,
    clients.c.name,
    clients.c.authentication,
    clients.c.secret_hash,
    clients.c["keys"],
    clients.c.scope,
    clients.c.created_at,
    clients.c.redirect_uris,
    clients.c.logout_uris,
    clients.c.grant_types,
    clients.c.trusted,
)
_this = clients.c.id == bindparam("client_id", type_=Id)

insert_client = one(insert_row(clients).returning(*_client), into=ClientRow)
find_client = maybe(select(*_client).where(clients.c.id == bindparam("id")), into=ClientRow)
all_clients = keyset(select(*_client), by=(clients.c.id,), newest_first=True, into=ClientRow)
change_client = one(
    update(clients)
    .where(_this)
    .values(
        {
            "name": bindparam("new_name", type_=Text),
            "scope": bindparam("new_scope", type_=Text),
            "keys": bindparam("new_keys", type_=Json),
            "redirect_uris": bindparam("new_redirect_uris", type_=Json),
            "logout_uris": bindparam("new_logout_uris", type_=Json),
            "trusted": bindparam("new_trusted", type_=Boolean),
        }
    )
    .returning(*_client),
    into=ClientRow,
)
renew_secret = run(
    update(clients).where(_this).values(secret_hash=bindparam("new_hash", type_=clients.c.secret_hash.type))
)
_made_by = clients.c.created_by == bindparam("account_id", type_=Id)
clients_made_by = many(
    select(clients.c.id, clients.c.name, clients.c.created_at).where(_made_by).order_by(clients.c.id), into=ClientHeld
)
forget_maker = run(update(clients).where(_made_by).values(created_by=None))
delete_client = run(delete(clients).where(clients.c.id == bindparam("id")))

# One of many that present the same assertion finds that it was not there.
use_assertion = run(insert_row(assertions).on_conflict_do_nothing(index_elements=["client_id", "jti_hash"]))
forget_assertions = run(delete(assertions).where(assertions.c.client_id == bindparam("client_id")))
_expired = select(assertions.c.jti_hash).where(assertions.c.expires_at < bindparam("before"))
sweep_assertions = run(
    delete(assertions).where(
        assertions.c.expires_at < bindparam("before"),
        assertions.c.jti_hash.in_(_expired.limit(bindparam("most", type_=Integer))),
    )
)

# Codes

_code = (
    codes.c.id,
    codes.c.client_id,
    codes.c.account_id,
    codes.c.redirect_uri,
    codes.c.scope,
    codes.c.nonce,
    codes.c.code_challenge,
    codes.c.proven_at,
    codes.c.methods,
    codes.c.session_id,
    codes.c.expires_at,
)
insert_code = run(insert_row(codes))
find_code = maybe(select(*_code).where(codes.c.id == bindparam("id")), into=CodeRow)
# Of many that present the same code, one finds it unused.
use_code = run(
    update(codes)
    .where(codes.c.id == bindparam("code_id", type_=Id), codes.c.session_id.is_(None))
    .values(session_id=bindparam("session", type_=Id))
)
_codes_of_account = codes.c.account_id == bindparam("account_id")
_codes_of_client = codes.c.client_id == bindparam("client_id")
codes_of = many(
    select(codes.c.client_id, codes.c.scope, codes.c.created_at).where(_codes_of_account).order_by(codes.c.id),
    into=GivenHeld,
)
forget_codes_of_account = run(delete(codes).where(_codes_of_account))
forget_codes_of_client = run(delete(codes).where(_codes_of_client))
forget_codes_between = run(delete(codes).where(_codes_of_account, _codes_of_client))
sweep_codes = run(delete_some(codes, codes.c.expires_at < bindparam("before")))

# Consents

_their_consent = (consents.c.account_id == bindparam("account_id"), consents.c.client_id == bindparam("client_id"))
_held = select(consents.c.client_id, clients.c.name.label("client_name"), consents.c.scope, consents.c.granted_at).join(
    clients, clients.c.id == consents.c.client_id
)
_inserted = insert_row(consents)
keep_consent = run(
    _inserted.on_conflict_do_update(
        index_elements=["account_id", "client_id"],
        set_={"scope": _inserted.excluded.scope, "granted_at": _inserted.excluded.granted_at},
    )
)
find_consent = maybe(_held.where(*_their_consent), into=ConsentHeld)
consents_of = many(
    _held.where(consents.c.account_id == bindparam("account_id")).order_by(consents.c.client_id), into=ConsentHeld
)
forget_consent = run(delete(consents).where(*_their_consent))
forget_consents_of_account = run(delete(consents).where(consents.c.account_id == bindparam("account_id")))
forget_consents_of_client = run(delete(consents).where(consents.c.client_id == bindparam("client_id")))

# Sessions that clients have

_of_client = sessions.c.client_id == bindparam("client_id")
end_sessions_of_client = many(delete(sessions).where(_of_client).returning(sessions.c.id), into=Found)
end_sessions_between = many(
    delete(sessions).where(_of_client, sessions.c.account_id == bindparam("account_id")).returning(sessions.c.id),
    into=Found,
)

# Keys that sign ID tokens

insert_signing_key = run(insert_row(signing_keys).on_conflict_do_nothing(index_elements=["key_id"]))
all_signing_keys = many(
    select(signing_keys.c.key_id, signing_keys.c.sealed_key).order_by(signing_keys.c.key_id), into=SigningKeyRow
)
