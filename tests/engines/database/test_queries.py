"""Queries behave the same on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest

from septet.core.database import ConstraintBroken, Database, Many, Maybe, One, Run, Transaction
from septet.core.errors import Conflict, Invalid, Problem
from septet.core.ids import new_id
from support import things
from support.databases import opened
from support.entering import Entering
from support.sql import create_tables
from support.things import NOON, Colour, Name, Shape, Thing, thing

T = TypeVar("T")


@pytest.fixture
def database(database_url: str) -> Entering:
    create_tables(database_url, things.metadata)
    return Entering(opened(database_url))


async def write(database: Database, query: Any, **values: Any) -> Any:
    return await database.write(lambda tx: _call(tx, query, values))


async def read(database: Database, query: Any, **values: Any) -> Any:
    return await database.read(lambda tx: _call(tx, query, values))


async def _call(tx: Transaction, query: Any, values: dict[str, Any]) -> Any:
    match query:
        case One():
            return await tx.one(query, **values)
        case Maybe():
            return await tx.maybe(query, **values)
        case Many():
            return await tx.all(query, **values)
        case Run():
            return await tx.run(query, **values)


async def names(database: Database) -> list[str]:
    return [row.name for row in await read(database, things.list_names)]


async def test_every_type_comes_back_as_it_went(database: Database) -> None:
    values = thing(
        "äöü \U0001f600 'quoted' % ? $1",
        colour=Colour.BLUE,
        shape=Shape(5, "not a NUL: \\u0000"),
        at=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5))),
        small=-(2**31),
        large=2**63 - 1,
        weight=0.1,
        done=True,
        blob=b"\x00\xff",
    )
    made = await write(database, things.insert_thing, **values)
    assert made == Thing(**values)
    assert await read(database, things.find_thing, id=values["id"]) == made
    assert made.at.tzinfo is timezone.utc
    assert isinstance(made.id, UUID)
    assert type(made.colour) is Colour
    assert type(made.done) is bool
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(made)), Thing) == made


async def test_null_comes_back_as_none(database: Database) -> None:
    made = await write(database, things.insert_thing, **thing("bare"))
    assert (made.colour, made.shape, made.blob) == (None, None, None)


async def test_no_row(database: Database) -> None:
    assert await read(database, things.find_thing, id=new_id()) is None
    assert await read(database, things.list_things) == []
    with pytest.raises(LookupError, match="found no row"):
        await read(database, things.read_thing, id=new_id())


async def test_run_counts_what_it_changed(database: Database) -> None:
    assert await write(database, things.add_thing, **thing("a")) == 1
    assert await write(database, things.add_thing_once, **thing("a")) == 0
    assert await write(database, things.add_thing_once, **thing("b")) == 1
    assert await write(database, things.rename_thing, id=new_id(), new_name="c") == 0
    assert await write(database, things.remove_things, done=True) == 0
    assert await write(database, things.remove_things, done=False) == 2


async def test_run_counts_behind_a_common_table_expression(database: Database) -> None:
    for name in ("a", "b"):
        await write(database, things.add_thing, **thing(name, colour="red"))
    assert await write(database, things.finish_reds) == 2
    await write(database, things.remove_things, done=True)
    assert await write(database, things.finish_reds) == 0


async def test_an_upsert_gives_the_row_it_changed(database: Database) -> None:
    first = await write(database, things.put_thing, **thing("a", large=5))
    second = await write(database, things.put_thing, **thing("a", large=6))
    assert (second.id, second.large) == (first.id, 11)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 100])
async def test_lists(database: Database, length: int) -> None:
    made = [await write(database, things.insert_thing, **thing(f"{n:03}", colour="red")) for n in range(6)]
    wanted = [made[n].id if n < 6 else new_id() for n in range(length)]
    found = await read(database, things.things_among, ids=wanted)
    assert [row.name for row in found] == [f"{n:03}" for n in range(min(length, 6))]
    others = await read(database, things.things_not_among, names=[f"{n:03}" for n in range(length)])
    assert [row.name for row in others] == [f"{n:03}" for n in range(length, 6)]


async def test_keyset_pages_meet_without_a_gap(database: Database) -> None:
    moments = [NOON, NOON, NOON, NOON + timedelta(microseconds=1), NOON + timedelta(days=1)]
    made = [await write(database, things.insert_thing, **thing(f"{n}", at=at)) for n, at in enumerate(moments)]
    seen, last = [made[0].name], made[0]
    while page := await read(database, things.things_after, at=last.at, id=last.id, most=2):
        seen += [row.name for row in page]
        last = made[int(page[-1].name)]
    assert seen == ["0", "1", "2", "3", "4"]


async def test_text_sorts_by_code_point(database: Database) -> None:
    for name in ("b", "a", "B", "ä", "_", "A"):
        await write(database, things.add_thing, **thing(name))
    assert await names(database) == ["A", "B", "_", "a", "b", "ä"]


async def test_a_sum_is_an_integer(database: Database) -> None:
    assert (await read(database, things.sum_of_large)).total == 0
    await write(database, things.add_thing, **thing("a", large=2**62))
    total = (await read(database, things.sum_of_large)).total
    assert (total, type(total)) == (2**62, int)


async def test_claiming_with_skip_locked(database: Database) -> None:
    await write(database, things.add_thing, **thing("a", colour="red"))
    assert await write(database, things.claim_red) == [Name("a")]
    assert await write(database, things.claim_red) == []


async def test_run_many(database: Database) -> None:
    rows = [thing(f"{n:04}") for n in range(1000)]
    await database.write(lambda tx: tx.run_many(things.add_thing, rows))
    assert await names(database) == [row["name"] for row in rows]
    await database.write(lambda tx: tx.run_many(things.add_thing, []))


async def test_run_many_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(Conflict):
        await database.write(lambda tx: tx.run_many(things.add_thing, [thing("a"), thing("b"), thing("a")]))
    assert await names(database) == []


@dataclass
class BadValue:
    values: dict[str, Any]
    problem: type[Exception] = field(default=Invalid)


BAD_VALUES = {
    "a NUL in text": BadValue({"name": "a\0b"}),
    "a NUL in JSON": BadValue({"shape": Shape(1, "a\0b")}),
    "half of a surrogate pair": BadValue({"name": "a\ud800b"}),
    "half of a surrogate pair in JSON": BadValue({"shape": Shape(1, "a\ud800b")}),
    "an integer beyond its column": BadValue({"small": 2**31}),
    "an integer below its column": BadValue({"small": -(2**31) - 1}),
    "an integer beyond any column": BadValue({"large": 2**63}),
    "text for a number": BadValue({"small": "1"}, TypeError),
    "a number for text": BadValue({"name": 1}, TypeError),
    "a moment without a zone": BadValue({"at": NOON.replace(tzinfo=None)}, TypeError),
    "NULL where there is none": BadValue({"name": None}, ConstraintBroken),
    "what a CHECK refuses": BadValue({"small": 13}, ConstraintBroken),
}


@pytest.mark.parametrize("bad", BAD_VALUES.values(), ids=BAD_VALUES)
async def test_bad_values_are_refused_alike(database: Database, bad: BadValue) -> None:
    with pytest.raises(bad.problem):
        await write(database, things.add_thing, **thing("a") | bad.values)
    assert await names(database) == []
    assert await write(database, things.add_thing, **thing("good")) == 1


async def test_a_contradiction_is_a_conflict_that_tells_nothing(database: Database) -> None:
    await write(database, things.add_thing, **thing("secret"))
    refused: list[Problem] = []
    for query, values in (
        (things.add_thing, thing("secret")),
        (things.insert_thing, thing("secret")),
        (things.add_part, {"id": new_id(), "thing_id": new_id()}),
    ):
        with pytest.raises(Conflict) as caught:
            await write(database, query, **values)
        refused.append(caught.value)
    assert {problem.detail for problem in refused} == {"This contradicts what is stored."}


async def test_reading_cannot_write(database: Database) -> None:
    for snapshot in (False, True):
        with pytest.raises(RuntimeError, match="only reads"):
            await database.read(lambda tx: tx.run(things.add_thing, **thing("a")), snapshot=snapshot)
    assert await names(database) == []


async def test_rows_of_one_read_may_be_asked_for_at_once(database: Database) -> None:
    made = [await write(database, things.insert_thing, **thing(f"{n}")) for n in range(20)]

    async def all_at_once(tx: Transaction) -> list[Thing]:
        return await asyncio.gather(*(tx.one(things.read_thing, id=one.id) for one in made))

    assert await database.read(all_at_once) == made
