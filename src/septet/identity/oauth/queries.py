"""Every query of the OAuth provider."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, delete, select, update

from septet.core.columns import Id, Json, Text
from septet.core.database import many, maybe, one, run
from septet.core.paging import keyset
from septet.identity.oauth.rows import ClientHeld, ClientRow
from septet.identity.oauth.tables import assertions, clients
from septet.identity.statements import insert_row

_client = (
    clients.c.id,
    clients.c.name,
    clients.c.authentication,
    clients.c.secret_hash,
    clients.c["keys"],
    clients.c.scope,
    clients.c.created_at,
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
