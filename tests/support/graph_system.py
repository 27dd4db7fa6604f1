"""A system that hangs on to the notes: one of every shape that GraphQL has to deal with.

Relations to one, to many, paged, with arguments, of plain values and enums; one that the caller may not follow, one
that fails for some arguments, one that some objects have no key for; unions, objects in objects, values that may be
null or unset; operations in steps, without a value, with a value that is no object.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import delete, select
from sqlalchemy import func as sql

from septet.core.context import Context
from septet.core.database import many, one, run
from septet.core.errors import Conflict, NotFound
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.relation import relation
from septet.core.system import Scope, System
from septet.core.types import AccountId, Count, CursorText, Input, Int, Limit, Output, Page
from support import sample_system
from support.sample_system import Color, Note, notes


class Mood(StrEnum):
    """How somebody feels."""

    GOOD = "good"
    SO_SO = "so-so"


class Spot(Output):
    """Where on the map."""

    x: Int
    y: Int


class Address(Output):
    """Where somebody lives."""

    city: str
    spot: Spot
    former: Spot | None


class Person(Output):
    """Who owns notes."""

    id: AccountId
    name: str
    mood: Mood | None
    moods: list[Mood]
    address: Address | None
    friend_id: AccountId | None
    extra: dict[str, Int]
    nick: str | UnsetType = UNSET
    wish: Mood | UnsetType = UNSET


class Picture(Output, tag_field="kind", tag="picture"):
    """A picture on a note."""

    id: Int
    colors: list[Color]


class Link(Output, tag_field="kind", tag="link"):
    """A link on a note."""

    id: Int
    url: str
    spot: Spot | None


class Total(Output):
    number: Count


def _id(number: int) -> AccountId:
    return AccountId(UUID(int=number))


_ADA = Person(
    _id(1),
    "Ada",
    Mood.GOOD,
    [Mood.SO_SO, Mood.GOOD],
    Address("Graz", Spot(1, 2), None),
    _id(2),
    {"a": 1},
    wish=Mood.GOOD,
)
_BOB = Person(_id(2), "Bob", None, [], None, None, {}, nick="bobby")
_ROOT = Person(_id(3), "Root", Mood.SO_SO, [], Address("Linz", Spot(3, 4), Spot(5, 6)), _id(9), {})
PEOPLE = {person.id: person for person in (_ADA, _BOB, _ROOT)}

count_of = one(select(sql.count().label("number")).select_from(notes), into=Total, scan="a handful, in a test")
all_notes = many(
    select(*(notes.c[name] for name in Note.__struct_fields__)).order_by(notes.c.id), into=Note, scan="a handful"
)
forget_notes = run(delete(notes), scan="a handful, in a test")


@relation(Note, "owner", by="owner_id", scope="notes:read")
async def owners(ctx: Context, ids: Sequence[AccountId]) -> Mapping[AccountId, Person]:
    """Whose it is."""
    return {id: PEOPLE[id] for id in ids if id in PEOPLE}


@relation(Note, "siblings", by="owner_id", scope="notes:read")
async def siblings(
    ctx: Context, ids: Sequence[AccountId], limit: Limit = 3, cursor: CursorText | None = None, count: bool = False
) -> Mapping[AccountId, Page[Note]]:
    """The notes of the same owner, newest first."""
    found = {id: await page(ctx, sample_system.notes_of, limit, cursor, owner=id) for id in ids}
    if count:
        for each in found.values():
            each.count = (await ctx.tx.one(count_of)).number
    return found


@relation(Note, "star_count", scope="notes:read")
async def star_count(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, Count]:
    """Its stars, looked up again; nothing for the pinned."""
    return {note.id: note.stars for note in await ctx.tx.all(all_notes) if note.id in ids and not note.pinned}


@relation(Note, "shade", public=True)
async def shades(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, Color]:
    """A color; not all have one."""
    return {id: Color.RED for id in ids if id.int % 2}


@relation(Note, "palette", public=True)
async def palettes(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, list[Color]]:
    """Colors; not all have some."""
    return {id: [Color.RED, Color.BLUE] for id in ids if id.int % 3}


def _things(id: UUID) -> list[Picture | Link]:
    return [Picture(1, [Color.BLUE]), Link(2, "/x", None), Link(3, "/y", Spot(0, id.int % 5))][: id.int % 4]


@relation(Note, "attachments", scope="notes:read")
async def attachments(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, list[Picture | Link]]:
    """What hangs on it."""
    return {id: _things(id) for id in ids if id.int % 4}


@relation(Note, "cover", scope="notes:read")
async def covers(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, Picture | Link]:
    """What is on top."""
    return {id: _things(id)[-1] for id in ids if id.int % 4}


@relation(Note, "audit", scope="graph:audit")
async def audits(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What only auditors see."""
    return dict.fromkeys(ids, "secret")


@relation(Note, "forecast", public=True)
async def forecasts(ctx: Context, ids: Sequence[UUID], days: Limit, mood: Mood = Mood.GOOD) -> Mapping[UUID, str]:
    """How it will be; nobody knows beyond fifty days."""
    if days > 50:
        raise Conflict("Nobody knows.")
    return dict.fromkeys(ids, f"{mood} for {days}")


@relation(Link, "target", public=True)
async def targets(ctx: Context, ids: Sequence[int]) -> Mapping[int, Person]:
    """Where it leads."""
    return {id: _BOB for id in ids if id == 3}


@relation(Person, "friend", by="friend_id", public=True)
async def friends(ctx: Context, ids: Sequence[AccountId]) -> Mapping[AccountId, Person]:
    """Whom they like."""
    return {id: PEOPLE[id] for id in ids if id in PEOPLE}


@relation(Person, "friends_of_friend", by="friend_id", scope="graph:audit")
async def friends_of_friend(ctx: Context, ids: Sequence[AccountId]) -> Mapping[AccountId, list[Person]]:
    """Whom those like: nobody may know, and some have no friend."""
    return {}


@relation(Person, "notes", scope="notes:read")
async def notes_by_owner(
    ctx: Context, ids: Sequence[AccountId], limit: Limit = 2, cursor: CursorText | None = None
) -> Mapping[AccountId, Page[Note]]:
    """Their notes, newest first."""
    return {id: await page(ctx, sample_system.notes_of, limit, cursor, owner=id) for id in ids if id != _ROOT.id}


@operation.get("/v1/graph/people", scope="notes:read")
async def list_people(ctx: Context) -> list[Person]:
    """Everybody."""
    return list(PEOPLE.values())


@operation.get("/v1/graph/people/{id}", public=True)
async def read_person(ctx: Context, id: AccountId, careful: bool = False) -> Person | None:
    """Somebody, or nobody."""
    if careful and id not in PEOPLE:
        raise NotFound("There is nobody.")
    return PEOPLE.get(id)


@operation.get("/v1/graph/things", scope="notes:read")
async def list_things(ctx: Context, number: Limit = 3) -> list[Picture | Link]:
    """Things of two kinds."""
    return _things(UUID(int=number))


@operation.get("/v1/graph/count", scope="notes:read", steps=True)
async def count_notes(ctx: Context, at_most: Count | None = None) -> Count:
    """How many notes there are, counted in steps."""
    number = (await ctx.read(_count)).number
    if at_most is not None and number > at_most:
        raise Conflict("There are more.")
    return number


async def _count(ctx: Context) -> Total:
    return await ctx.tx.one(count_of)


@operation.get("/v1/graph/moods", public=True)
async def list_moods(ctx: Context, mood: Mood | None = None) -> list[Mood]:
    """All moods, or all others."""
    return [each for each in Mood if each is not mood]


@operation.get("/v1/graph/words", public=True)
async def list_words(ctx: Context, limit: Limit = 2) -> Page[str]:
    """Words, in a page that knows no places."""
    return Page(["one", "two", "three"][:limit], "more" if limit < 3 else None)


@operation.get("/v1/graph/audit", scope="graph:audit")
async def read_audit(ctx: Context) -> Total:
    """What only auditors see."""
    return Total(1)


@operation.get("/v1/graph/anything", public=True)
async def anything(ctx: Context, value: dict[str, Any] | None = None) -> dict[str, Any]:
    """Any value, as it came."""
    return {"value": value}


class ByPost(Input, tag_field="way", tag="by_post"):
    """On paper."""

    city: str
    spots: list[Int] = []  # noqa: RUF012 - a declaration


class ByWire(Input, tag_field="way", tag="by_wire"):
    """Quicker."""

    number: Count
    urgent: bool | None = None


class Letter(Input):
    """Something to send."""

    to_whom: AccountId
    way: ByPost | ByWire
    mood: Mood = Mood.GOOD
    copies: list[ByPost] | UnsetType = UNSET
    remark: str | UnsetType | None = UNSET


class Sent(Output):
    """What was sent, as it arrived."""

    way: str
    mood: Mood
    remark: str
    copies: Count
    owner_id: AccountId


@operation.post("/v1/graph/letters", scope="notes:write")
async def send_letter(ctx: Context, body: Letter) -> Sent:
    """Send a letter. What was left out stays apart from what is null."""
    remark = "absent" if body.remark is UNSET else "null" if body.remark is None else body.remark
    copies = 0 if body.copies is UNSET else len(body.copies)
    return Sent(type(body.way).__name__, body.mood, remark, copies, body.to_whom)


@relation(Sent, "receiver", by="owner_id", public=True)
async def receivers(ctx: Context, ids: Sequence[AccountId]) -> Mapping[AccountId, Person]:
    """Who gets it."""
    return {id: PEOPLE[id] for id in ids if id in PEOPLE}


@operation.post("/v1/graph/waves", scope="notes:write")
async def wave(ctx: Context, times: Limit = 1) -> None:
    """Wave; too often is rude."""
    if times > 3:
        raise Conflict("That is enough.")


@operation.post("/v1/graph/fall", public=True)
async def fall(ctx: Context) -> None:
    """A bug."""
    raise ZeroDivisionError


_this = sys.modules[__name__]
GRAPH = System(
    name="graph",
    summary="All shapes.",
    needs=("notes",),
    modules=(_this,),
    queries=_this,
    scopes={"graph:audit": Scope("Look at what only auditors see.", members=False)},
)
