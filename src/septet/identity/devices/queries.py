"""Queries of devices."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Integer, bindparam, delete, select, tuple_

from septet.core.database import many, maybe, run
from septet.identity.devices.tables import devices
from septet.identity.statements import insert_row

KNOWN_FOR = timedelta(days=90)


class Seen(Struct, frozen=True):
    """When an account was last signed in to from a place."""

    seen_at: datetime


_new = insert_row(devices)
find_device = maybe(
    select(devices.c.seen_at).where(
        devices.c.account_id == bindparam("account_id"), devices.c.place_hash == bindparam("place_hash")
    ),
    into=Seen,
)
keep_device = run(
    _new.on_conflict_do_update(index_elements=["account_id", "place_hash"], set_={"seen_at": _new.excluded.seen_at})
)
devices_of = many(
    select(devices.c.seen_at).where(devices.c.account_id == bindparam("account_id")).order_by(devices.c.place_hash),
    into=Seen,
)
forget_devices = run(delete(devices).where(devices.c.account_id == bindparam("account_id")))
_key = tuple_(devices.c.account_id, devices.c.place_hash)
sweep_devices = run(
    delete(devices).where(
        _key.in_(
            select(devices.c.account_id, devices.c.place_hash)
            .where(devices.c.seen_at < bindparam("before"))
            .limit(bindparam("most", type_=Integer))
        )
    )
)
