"""A table with a column of every type, and queries on it, for the tests of the engines."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from septet.core.columns import Id, Instant, Json, Text
from septet.core.database import many, maybe, name_queries, one, run
from septet.core.ids import new_id

metadata = MetaData()


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Shape(Struct, frozen=True):
    """What the Json column holds."""

    sides: int
    label: str = ""


class Thing(Struct, frozen=True):
    id: UUID
    name: str
    colour: Colour | None
    shape: Shape | None
    at: datetime
    small: int
    large: int
    weight: float
    done: bool
    blob: bytes | None


class Name(Struct, frozen=True):
    name: str


class Total(Struct, frozen=True):
    total: int


things = Table(
    "thing",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("colour", Text),
    Column("shape", Json),
    Column("at", Instant, nullable=False),
    Column("small", Integer, nullable=False),
    Column("large", BigInteger, nullable=False),
    Column("weight", Float, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("blob", LargeBinary),
    CheckConstraint("small <> 13", name="thing_small"),
)
parts = Table("part", metadata, Column("id", Id, primary_key=True), Column("thing_id", ForeignKey("thing.id")))

_values = {column.key: bindparam(column.key) for column in things.c}
_new = insert(things).values(_values)

insert_thing = one(_new.returning(*things.c), into=Thing)
add_thing = run(_new)
add_thing_once = run(_new.on_conflict_do_nothing(index_elements=["name"]))
put_thing = one(
    _new.on_conflict_do_update(
        index_elements=["name"], set_={"large": things.c.large + bindparam("large", type_=BigInteger)}
    ).returning(*things.c),
    into=Thing,
)
find_thing = maybe(select(*things.c).where(things.c.id == bindparam("id")), into=Thing)
read_thing = one(select(*things.c).where(things.c.id == bindparam("id")), into=Thing)
list_things = many(select(*things.c).order_by(things.c.id), into=Thing)
list_names = many(select(things.c.name).order_by(things.c.name), into=Name)
things_among = many(
    select(things.c.name)
    .where(things.c.id.in_(bindparam("ids", expanding=True)), things.c.colour.in_(["red", "blue"]))
    .order_by(things.c.name),
    into=Name,
)
things_not_among = many(
    select(things.c.name).where(things.c.name.not_in(bindparam("names", expanding=True))).order_by(things.c.name),
    into=Name,
)
things_after = many(
    select(things.c.name)
    .where(
        tuple_(things.c.at, things.c.id) > tuple_(bindparam("at", type_=Instant), bindparam("id", type_=Id)),
    )
    .order_by(things.c.at, things.c.id)
    .limit(bindparam("most", type_=Integer)),
    into=Name,
)
sum_of_large = one(select(func.coalesce(func.sum(things.c.large), 0).label("total")), into=Total)
count_things = one(select(func.count().label("total")).select_from(things), into=Total)
rename_thing = run(update(things).where(things.c.id == bindparam("id")).values(name=bindparam("new_name")))
increase = run(update(things).where(things.c.name == bindparam("name")).values(large=things.c.large + 1))
set_large = run(update(things).where(things.c.name == bindparam("name")).values(large=bindparam("new_large")))
large_of = one(select(things.c.large.label("total")).where(things.c.name == bindparam("name")), into=Total)
remove_things = run(delete(things).where(things.c.done == bindparam("done")))
_red = select(things.c.id).where(things.c.colour == "red").order_by(things.c.id).limit(1)
claim_red = many(
    update(things)
    .where(things.c.id.in_(_red.with_for_update(skip_locked=True)))
    .values(colour="blue")
    .returning(things.c.name),
    into=Name,
)
_reds = select(things.c.id).where(things.c.colour == "red").cte("reds")
finish_reds = run(update(things).where(things.c.id.in_(select(_reds.c.id))).values(done=True))
add_part = run(insert(parts).values(id=bindparam("id"), thing_id=bindparam("thing_id")))

name_queries(sys.modules[__name__])

NOON = datetime(2024, 5, 17, 12, 0, 0, 123456, tzinfo=timezone.utc)


def thing(name: str, **values: Any) -> dict[str, Any]:
    """The values of a new thing: what is not said is plain."""
    return {
        "id": new_id(),
        "name": name,
        "colour": None,
        "shape": None,
        "at": NOON,
        "small": 1,
        "large": 1,
        "weight": 0.5,
        "done": False,
        "blob": None,
        **values,
    }
