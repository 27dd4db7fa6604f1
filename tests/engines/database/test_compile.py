"""What the compiler refuses, and the texts it makes."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec import Struct
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import Dialect

from septet.core.database import Query, many, maybe, one, run
from septet.engines.database.binding import LONGEST_LIST
from septet.engines.database.compile import Plan, Plans
from septet.engines.database.dialects import POSTGRESQL, SQLITE
from support import things
from support.things import Name, Thing, Total
from support.things import things as thing_table

both = pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=lambda dialect: dialect.name)


class Swapped(Struct):
    name: str
    id: UUID


class Keywords(Struct, kw_only=True):
    name: str


_with_default = Table("defaulted", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer, default=7))
_id, _name = thing_table.c.id, thing_table.c.name

REFUSED = {
    "a parameter without a type": (maybe(select(_name).where(func.lower("x") == bindparam("x")), into=Name), "no type"),
    "a parameter in a bare tuple": (
        maybe(select(_name).where(tuple_(_name, _id) > (bindparam("name"), bindparam("id"))), into=Name),
        "no type",
    ),
    "an untyped LIMIT": (many(select(_name).limit(bindparam("most")), into=Name), "no type"),
    "a default of Python at insert": (run(insert(_with_default).values(id=bindparam("id"))), "fill in n"),
    "columns in another order": (many(select(_id, _name), into=Swapped), "not the fields of Swapped"),
    "fewer columns than fields": (many(select(_id), into=Thing), "not the fields of Thing"),
    "an unnamed column": (one(select(func.count()), into=Total), "not the fields of Total"),
    "no columns at all": (one(update(thing_table).values(name=bindparam("n")), into=Name), "gives no rows"),
    "keyword-only fields": (many(select(_name), into=Keywords), "keyword-only"),
    "what is no Struct": (many(select(_name), into=str), "not a Struct"),
    "a value written into the text": (
        maybe(select(_name).where(_name == bindparam("name", literal_execute=True)), into=Name),
        "literal_execute",
    ),
    "a name that is no keyword": (maybe(select(_name).where(_name == bindparam("no name")), into=Name), "keyword"),
    "a name with an underscore first": (maybe(select(_name).where(_name == bindparam("_to0")), into=Name), "keyword"),
}


@both
@pytest.mark.parametrize("why", REFUSED)
def test_what_would_go_wrong_silently_is_refused(dialect: Dialect, why: str) -> None:
    query, reason = REFUSED[why]
    query.name = "shop.queries.find"
    with pytest.raises(TypeError, match=f"^shop.queries.find: .*{reason}"):
        Plans(dialect).compile([query])


@both
def test_missing_and_unknown_values_are_refused_by_the_name_of_the_query(dialect: Dialect) -> None:
    things.rename_thing.name = "support.things.rename_thing"
    plan = Plans(dialect)[things.rename_thing]
    with pytest.raises(TypeError, match=r"support.things.rename_thing\(\) missing .* 'new_name'"):
        plan.bind(id=things.new_id())
    with pytest.raises(TypeError, match=r"support.things.rename_thing\(\) got an unexpected .* 'nmae'"):
        plan.bind(id=things.new_id(), new_name="x", nmae="y")


@both
def test_a_value_used_twice_is_passed_once(dialect: Dialect) -> None:
    moved = run(update(thing_table).where(_name != bindparam("name_to_be")).values(name=bindparam("name_to_be")))
    plan = Plan(moved, dialect)
    assert set(plan.bind(name_to_be="x")) == {"x"}


def test_lists_are_arrays_on_postgresql() -> None:
    plan = Plan(things.things_among, POSTGRESQL)
    assert plan.lists == ()
    assert "= ANY ($1::UUID[])" in plan.sql


def test_lists_of_all_lengths_have_few_texts_on_sqlite() -> None:
    plan = Plan(things.things_not_among, SQLITE)
    texts = {plan.text({"names": ["x"] * length}) for length in range(1025)}
    assert sorted(text.count("?") for text in texts) == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert plan.bind(names=["a", "b", "c"]) == ("a", "b", "c", "c")
    assert plan.bind(names=[]) == ()


@both
def test_a_list_beyond_what_sqlite_takes_is_refused_on_both(dialect: Dialect) -> None:
    plan = Plan(things.things_not_among, dialect)
    with pytest.raises(ValueError, match="at most"):
        plan.bind(names=["x"] * (LONGEST_LIST + 1))


def test_locks_are_left_out_on_sqlite() -> None:
    assert "FOR UPDATE SKIP LOCKED" in Plan(things.claim_red, POSTGRESQL).sql
    assert "FOR UPDATE" not in Plan(things.claim_red, SQLITE).sql


@both
def test_types_are_checked_before_the_database_sees_them(dialect: Dialect) -> None:
    plan = Plan(things.add_thing, dialect)
    for wrong in (
        {"name": 7},
        {"name": b"x"},
        {"small": "7"},
        {"large": 1.5},
        {"at": things.NOON.replace(tzinfo=None)},
    ):
        with pytest.raises(TypeError):
            plan.bind(**things.thing("x", **wrong))


@both
def test_every_query_is_compiled_when_asked_and_kept(dialect: Dialect) -> None:
    plans = Plans(dialect)
    queries: list[Query] = [things.insert_thing, things.list_names]
    plans.compile(queries)
    assert list(plans) == queries
    assert plans[things.list_names] is plans[things.list_names]


def test_a_type_of_sqlalchemy_that_takes_other_forms_is_bound_as_its_dialect_says() -> None:
    plain = Table("plain", MetaData(), Column("body", Text))
    plan = Plan(run(insert(plain).values(body=bindparam("body"))), SQLITE)
    assert plan.bind(body=things.Colour.RED) == ("red",)
    assert type(plan.bind(body=things.Colour.RED)[0]) is str
