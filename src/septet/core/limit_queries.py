"""The queries of limits that processes share through the database. Times are microseconds since 1970."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, LargeBinary, bindparam, case, delete, select
from sqlalchemy.dialects.postgresql import insert

from septet.core.database import many, maybe, run
from septet.core.tables import limits


class Arrival(Struct, frozen=True):
    """When a caller's backlog of one limit will have drained."""

    name: bytes
    arrival: int


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


_since = case((limits.c.arrival > _number("now"), limits.c.arrival), else_=_number("now"))
_merged = _since + _number("spent")
_bounded = case((_merged < _number("most"), _merged), else_=_number("most"))
_insert = insert(limits).values(
    name=bindparam("name"),
    arrival=_number("first"),
    near_at=case((_number("first") >= _number("near"), _number("now"))),
)
_after = {
    "arrival": _bounded,
    "near_at": case((_bounded >= _number("near"), _number("now")), else_=limits.c.near_at),
}

# `first` is where one stands who was unknown: now + spent. From `near` on all processes are told.
add_spent = run(_insert.on_conflict_do_update(index_elements=["name"], set_=_after))

# The same, unless it leads beyond `most`.
spend_strictly = maybe(
    _insert.on_conflict_do_update(index_elements=["name"], set_=_after, where=_merged <= _number("most")).returning(
        limits.c.name, limits.c.arrival
    ),
    into=Arrival,
)

find_arrivals = many(
    select(limits.c.name, limits.c.arrival).where(
        limits.c.name.in_(bindparam("names", expanding=True, type_=LargeBinary))
    ),
    into=Arrival,
)

near_since = many(
    select(limits.c.name, limits.c.arrival)
    .where(limits.c.near_at > _number("since"))
    .order_by(limits.c.near_at.desc())
    .limit(bindparam("atmost", type_=Integer)),
    into=Arrival,
)

forget_drained = run(
    delete(limits).where(limits.c.arrival < _number("now")),
    scan="only callers that used much of a limit lately are here",
)
