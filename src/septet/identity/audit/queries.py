"""Queries of the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, bindparam, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from septet.core.columns import Id
from septet.core.database import many, maybe, one, run
from septet.core.paging import keyset
from septet.core.sealing import SealedRow
from septet.identity.audit.rows import Entry, EntrySeen, Key, SealedState
from septet.identity.audit.tables import chain, entries, keys
from septet.identity.rows import Counted
from septet.identity.statements import insert_row
from septet.identity.tables import accounts

# Keys

_key = (keys.c.account_id, keys.c.id, keys.c.sealed_key)
find_key = maybe(select(*_key).where(keys.c.account_id == bindparam("account_id")), into=Key)
find_key_by_id = maybe(select(*_key).where(keys.c.id == bindparam("id")), into=Key)
insert_key = run(insert_row(keys).on_conflict_do_nothing(index_elements=["account_id"]))
# Only while the account is there, and it stays there until this is done: a key must not outlive its account.
_of_account = (
    select(accounts.c.id, bindparam("key_id", type_=Id), bindparam("sealed_key", type_=keys.c.sealed_key.type))
    .where(accounts.c.id == bindparam("account_id"))
    .with_for_update(read=True, key_share=True)
)
insert_key_of_account = run(
    insert(keys)
    .from_select(["account_id", "id", "sealed_key"], _of_account)
    .on_conflict_do_nothing(index_elements=["account_id"])
)
renew_key = run(
    update(keys)
    .where(keys.c.account_id == bindparam("whose"), keys.c.id == bindparam("old_id", type_=Id))
    .values(id=bindparam("new_id", type_=Id), sealed_key=bindparam("new_key"))
)
delete_key = run(delete(keys).where(keys.c.account_id == bindparam("account_id")))
sealed_keys = many(
    select(keys.c.account_id.label("id"), keys.c.sealed_key.label("sealed"))
    .where(keys.c.account_id > bindparam("after"))
    .order_by(keys.c.account_id)
    .limit(bindparam("most", type_=Integer)),
    into=SealedRow,
)
reseal_key = run(
    update(keys)
    .where(keys.c.account_id == bindparam("row_id"), keys.c.sealed_key == bindparam("old"))
    .values(sealed_key=bindparam("new"))
)

# Entries

_about, _actor = keys.alias("about"), keys.alias("actor")
_seen = select(
    entries.c.id,
    entries.c.created_at,
    entries.c.action,
    entries.c.outcome,
    entries.c.about_key,
    entries.c.actor_key,
    entries.c.sealed_details,
    _about.c.account_id.label("about_id"),
    _about.c.sealed_key.label("about_sealed_key"),
    _actor.c.account_id.label("actor_id"),
    _actor.c.sealed_key.label("actor_sealed_key"),
).select_from(
    entries.outerjoin(_about, _about.c.id == entries.c.about_key).outerjoin(_actor, _actor.c.id == entries.c.actor_key)
)
insert_entry = run(insert_row(entries))
seen_about = keyset(
    _seen.where(entries.c.about_key == bindparam("key_id")), by=(entries.c.id,), newest_first=True, into=EntrySeen
)
seen_all = keyset(_seen, by=(entries.c.id,), newest_first=True, into=EntrySeen)
held_about = many(_seen.where(entries.c.about_key == bindparam("key_id")).order_by(entries.c.id), into=EntrySeen)
held_by = many(_seen.where(entries.c.actor_key == bindparam("key_id")).order_by(entries.c.id), into=EntrySeen)

# The chain

_entry = (
    entries.c.id,
    entries.c.number,
    entries.c.created_at,
    entries.c.action,
    entries.c.outcome,
    entries.c.about_key,
    entries.c.actor_key,
    entries.c.sealed_details,
    entries.c.hash,
)
unchained = many(
    select(*_entry)
    .where(entries.c.number.is_(None))
    .order_by(entries.c.number, entries.c.id)
    .limit(bindparam("most", type_=Integer)),
    into=Entry,
)
_waiting = select(entries.c.id).where(entries.c.number.is_(None)).limit(1000)
count_unchained = one(
    select(literal_column("count(*)", Integer).label("number")).select_from(_waiting.subquery()), into=Counted
)
chain_entry = run(
    update(entries)
    .where(entries.c.id == bindparam("entry_id", type_=Id))
    .values(number=bindparam("number"), hash=bindparam("hash"))
)
chained = many(
    select(*_entry)
    .where(entries.c.number >= bindparam("first", type_=BigInteger))
    .order_by(entries.c.number)
    .limit(bindparam("most", type_=Integer)),
    into=Entry,
)
last_chained = maybe(
    select(*_entry)
    .where(entries.c.number.is_not(None))
    .order_by(entries.c.number.desc(), entries.c.id.desc())
    .limit(1),
    into=Entry,
)
delete_chained = run(delete(entries).where(entries.c.number <= bindparam("last", type_=BigInteger)))

find_state = maybe(select(chain.c.sealed_state).where(chain.c.id == bindparam("id")), into=SealedState)
insert_state = run(insert_row(chain))
update_state = run(
    update(chain).where(chain.c.id == bindparam("chain_id", type_=Id)).values(sealed_state=bindparam("sealed_state"))
)
sealed_states = many(
    select(chain.c.id, chain.c.sealed_state.label("sealed"))
    .where(chain.c.id > bindparam("after"))
    .order_by(chain.c.id)
    .limit(bindparam("most", type_=Integer)),
    into=SealedRow,
)
reseal_state = run(
    update(chain)
    .where(chain.c.id == bindparam("row_id", type_=Id), chain.c.sealed_state == bindparam("old"))
    .values(sealed_state=bindparam("new"))
)
