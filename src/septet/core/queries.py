"""The queries of idempotency. A row that no door shows is declared beside its query."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Integer, LargeBinary, bindparam, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from septet.core.columns import Instant
from septet.core.database import many, maybe, run
from septet.core.tables import idempotency


class Kept(Struct, frozen=True):
    """That a reply is kept for a retry, as an export shows it. The reply itself shows what is held elsewhere."""

    operation: str
    key: str
    created_at: datetime


class Stored(Struct, frozen=True):
    """What is kept of an earlier call; `reply` is null while a `steps` operation runs."""

    fingerprint: bytes
    reply: bytes | None


_at_place = (
    idempotency.c.actor == bindparam("actor"),
    idempotency.c.operation == bindparam("operation"),
    idempotency.c.key == bindparam("key"),
)
_insert = insert(idempotency).values(
    actor=bindparam("actor"),
    operation=bindparam("operation"),
    key=bindparam("key"),
    fingerprint=bindparam("fingerprint"),
    created_at=bindparam("created_at"),
)

find_reply = maybe(select(idempotency.c.fingerprint, idempotency.c.reply).where(*_at_place), into=Stored)

store_reply = run(
    _insert.values(reply=bindparam("reply", type_=LargeBinary)).on_conflict_do_update(
        index_elements=["actor", "operation", "key"], set_={"reply": bindparam("reply", type_=LargeBinary)}
    )
)

claim_reply = run(
    _insert.on_conflict_do_update(
        index_elements=["actor", "operation", "key"],
        set_={
            "fingerprint": bindparam("fingerprint", type_=LargeBinary),
            "created_at": bindparam("created_at", type_=Instant),
        },
        where=idempotency.c.reply.is_(None) & (idempotency.c.created_at < bindparam("stale", type_=Instant)),
    )
)

forget_reply = run(delete(idempotency).where(*_at_place, idempotency.c.reply.is_(None)))

replies_of_actor = many(
    select(idempotency.c.operation, idempotency.c.key, idempotency.c.created_at)
    .where(idempotency.c.actor == bindparam("actor"))
    .order_by(idempotency.c.operation, idempotency.c.key),
    into=Kept,
)
forget_replies_of_actor = run(delete(idempotency).where(idempotency.c.actor == bindparam("actor")))

_key = (idempotency.c.actor, idempotency.c.operation, idempotency.c.key)
forget_replies_before = run(
    delete(idempotency).where(
        tuple_(*_key).in_(
            select(*_key).where(idempotency.c.created_at < bindparam("before")).limit(bindparam("most", type_=Integer))
        )
    )
)
