"""Every query of API keys."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, select, update

from septet.core.columns import Id, Instant
from septet.core.database import many, maybe, one, run
from septet.identity.api_keys.rows import ApiKeyRow
from septet.identity.api_keys.tables import api_keys
from septet.identity.rows import Counted, Found
from septet.identity.statements import delete_some, insert_row

_key = (
    api_keys.c.id,
    api_keys.c.account_id,
    api_keys.c.name,
    api_keys.c.secret_hash,
    api_keys.c.scope,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.used_at,
)
_of_account = api_keys.c.account_id == bindparam("account_id")

insert_api_key = one(insert_row(api_keys).returning(*_key), into=ApiKeyRow)
find_api_key = maybe(select(*_key).where(api_keys.c.id == bindparam("id")), into=ApiKeyRow)
api_keys_of = many(select(*_key).where(_of_account).order_by(api_keys.c.id), into=ApiKeyRow)
count_api_keys = one(select(func.count().label("number")).select_from(api_keys).where(_of_account), into=Counted)
note_use = run(
    update(api_keys)
    .where(api_keys.c.id == bindparam("key_id", type_=Id))
    .values(used_at=bindparam("now", type_=Instant))
)
delete_api_key = many(
    delete(api_keys).where(api_keys.c.id == bindparam("id"), _of_account).returning(api_keys.c.id), into=Found
)
delete_api_keys_of = many(delete(api_keys).where(_of_account).returning(api_keys.c.id), into=Found)
sweep_api_keys = run(delete_some(api_keys, api_keys.c.expires_at < bindparam("before")))
