"""A small system with one of everything that a door has to deal with: notes, each with its owner.

`NOTES` verifies tokens itself, by name: `ada` writes and reads, `bob` only reads, `root` administers, and
`expired` is refused. Beside another system that authenticates, take `NOTES_BESIDE_IDENTITY`.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from septet.core.arguments import IfMatch
from septet.core.authentication import Verified
from septet.core.cache import cached_for
from septet.core.columns import Id, Instant, Text
from septet.core.context import Actor, Context
from septet.core.database import many, maybe, one, run
from septet.core.errors import Conflict, NotFound, PreconditionFailed, Unauthenticated
from septet.core.ids import new_id
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.paging import keyset, page
from septet.core.runtime import Runtime
from septet.core.system import Scope, System
from septet.core.types import AccountId, Count, CursorText, Input, Limit, Output, Page, SessionId
from septet.core.types import Instant as Moment
from septet.core.versions import refuse_unless_current

metadata = MetaData()
notes = Table(
    "notes_note",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, nullable=False),
    Column("title", Text, nullable=False),
    Column("color", Text, nullable=False),
    Column("stars", BigInteger, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("notes_note_owner", "owner_id", "id"),
)


class TitleTaken(Conflict):
    """The caller has a note with this title."""

    code = "title_taken"


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


Title = Annotated[str, Meta(min_length=1, max_length=200, examples=["Groceries"])]
Label = Annotated[str, Meta(min_length=1, max_length=40)]


class Place(Input):
    """Where a note belongs."""

    city: Title
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", examples=["AT"])]


class NewNote(Input):
    """A note to write."""

    title: Title
    color: Color = Color.BLUE
    stars: Count = 0
    labels: Annotated[list[Label], Meta(max_length=3)] = []  # noqa: RUF012 - a declaration
    place: Place | None = None
    at: Moment | None = None


class NotePatch(Input):
    """What is to change of a note."""

    title: Title | UnsetType = UNSET
    stars: Count | UnsetType = UNSET


class Note(Output):
    """A note."""

    id: UUID
    owner_id: AccountId
    title: str
    color: Color
    stars: Count
    pinned: bool
    created_at: Moment


class Echo(Output):
    """The arguments, as they arrived."""

    label: str
    numbers: list[Count]
    loud: bool
    ratio: float | None
    since: Moment | None
    color: Color | None


class Secret(Output):
    """Something to keep."""

    secret: str


_columns = [notes.c[name] for name in ("id", "owner_id", "title", "color", "stars", "pinned", "created_at")]
_mine = (notes.c.id == bindparam("note_id"), notes.c.owner_id == bindparam("owner"))

insert_note = one(
    insert(notes).values({column.key: bindparam(column.key) for column in notes.c}).returning(*_columns),
    into=Note,
)
find_note = maybe(select(*_columns).where(*_mine), into=Note)
notes_of = keyset(
    select(*_columns).where(notes.c.owner_id == bindparam("owner")), by=(notes.c.id,), newest_first=True, into=Note
)
titled = many(
    select(*_columns).where(notes.c.owner_id == bindparam("owner"), notes.c.title == bindparam("wanted")), into=Note
)
update_note = one(
    update(notes)
    .where(*_mine)
    .values(title=bindparam("title"), stars=bindparam("stars"), pinned=bindparam("pinned"))
    .returning(*_columns),
    into=Note,
)
delete_note = run(delete(notes).where(*_mine))


async def access_note(ctx: Context, id: UUID) -> Note:
    note = await ctx.tx.maybe(find_note, note_id=id, owner=ctx.actor.id)
    if note is None:
        raise NotFound("There is no such note.")
    return note


@operation.post("/v1/notes/notes", scope="notes:write", limit=per_minute(600), raises=(TitleTaken,), agent=True)
async def create_note(ctx: Context, body: NewNote) -> Note:
    """Write a note."""
    if await ctx.tx.all(titled, owner=ctx.actor.id, wanted=body.title):
        raise TitleTaken("You have a note with this title.", pointer="/title")
    return await ctx.tx.one(
        insert_note,
        id=new_id(),
        owner_id=ctx.actor.id,
        title=body.title,
        color=body.color,
        stars=body.stars,
        pinned=False,
        created_at=ctx.now,
    )


@operation.post("/v1/notes/imports", scope="notes:write", steps=True, raises=(TitleTaken,))
async def import_note(ctx: Context, body: NewNote) -> Note:
    """Write a note in steps, as one does that must call out before."""
    await asyncio.sleep(0)
    return await ctx.write(create_note, body)


@operation.get("/v1/notes/notes", scope="notes:read", agent=True)
async def list_notes(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Note]:
    """The caller's notes, newest first."""
    return await page(ctx, notes_of, limit, cursor, owner=ctx.actor.id)


@operation.get("/v1/notes/notes/{id}", scope="notes:read", cache=cached_for(30, tags=("note:{id}",)), agent=True)
async def read_note(ctx: Context, id: UUID) -> Note:
    """One note."""
    return await access_note(ctx, id)


@operation.get("/v1/notes/notes/latest", scope="notes:read", raises=(NotFound,))
async def latest_note(ctx: Context) -> Note:
    """The newest note: a static segment beside a parameter."""
    newest = await page(ctx, notes_of, 1, None, owner=ctx.actor.id)
    if not newest.items:
        raise NotFound("There is no note yet.")
    return newest.items[0]


@operation.patch(
    "/v1/notes/notes/{id}", scope="notes:write", raises=(PreconditionFailed,), invalidates=("note:{id}",), agent=True
)
async def change_note(ctx: Context, id: UUID, body: NotePatch, if_match: IfMatch = None) -> Note:
    """Change what is given, leave the rest."""
    note = await access_note(ctx, id)
    refuse_unless_current(if_match, note)
    return await ctx.tx.one(
        update_note,
        note_id=id,
        owner=ctx.actor.id,
        title=note.title if body.title is UNSET else body.title,
        stars=note.stars if body.stars is UNSET else body.stars,
        pinned=note.pinned,
    )


@operation.delete("/v1/notes/notes/{id}", scope="notes:write", invalidates=("note:{id}",), agent=True)
async def remove_note(ctx: Context, id: UUID) -> None:
    """Remove a note."""
    if not await ctx.tx.run(delete_note, note_id=id, owner=ctx.actor.id):
        raise NotFound("There is no such note.")


@operation.put("/v1/notes/notes/{id}/pin", scope="notes:write", invalidates=("note:{reply.id}",))
async def pin_note(ctx: Context, id: UUID) -> Note:
    """Pin a note. Again is the same."""
    note = await access_note(ctx, id)
    return await ctx.tx.one(
        update_note, note_id=id, owner=ctx.actor.id, title=note.title, stars=note.stars, pinned=True
    )


@operation.get("/v1/notes/echoes/{label}", public=True, agent=True)
async def echo(
    ctx: Context,
    label: str,
    number: list[Count] = [],  # noqa: B006 - a declaration
    loud: bool = False,
    ratio: float | None = None,
    since: Moment | None = None,
    color: Color | None = None,
) -> Echo:
    """The arguments as they arrived, to anybody."""
    return Echo(label, number, loud, ratio, since, color)


@operation.post("/v1/notes/secrets", public=True, secret=True, limit=per_minute(600, by="address"))
async def make_secret(ctx: Context, body: Place) -> Secret:
    """A reply that nobody may guess the size of."""
    return Secret("s" * 5000 + body.country)


class Kept(Output, tag_field="result", tag="kept"):
    """The draft is there."""

    words: Count


class Waiting(Output, tag_field="result", tag="waiting"):
    """The draft is too long to be looked at now."""


@operation.post("/v1/notes/drafts", scope="notes:write", statuses={Waiting: 202}, agent=True)
async def hand_in_draft(ctx: Context, body: NewNote) -> Kept | Waiting:
    """A reply that is now of one type, now of another."""
    words = len(body.title.split())
    return Kept(words) if words < 10 else Waiting()


_NEVER = datetime(2999, 1, 1, tzinfo=timezone.utc).timestamp()
_PEOPLE = {
    "ada": (UUID(int=1), ("notes:read", "notes:write")),
    "bob": (UUID(int=2), ("notes:read",)),
    "root": (UUID(int=3), ("notes:read", "notes:write", "server:read", "agent:write")),
}


async def verify_by_name(runtime: Runtime, token: str) -> Verified:
    """Whoever says that they are `ada` is Ada."""
    if token not in _PEOPLE:
        raise Unauthenticated("The access token has expired.")
    account, scopes = _PEOPLE[token]
    actor = Actor(AccountId(account), SessionId(account), frozenset(scopes), f"account:{account}")
    return Verified(actor, _NEVER)


async def find_actor_by_name(runtime: Runtime, name: str) -> Actor:
    """As they ask when they have just signed in."""
    if name not in _PEOPLE:
        raise NotFound(f"There is no account {name}.")
    return (await verify_by_name(runtime, name)).actor


_this = sys.modules[__name__]
NOTES_BESIDE_IDENTITY = System(
    name="notes",
    summary="Notes, each with its owner.",
    modules=(_this,),
    queries=_this,
    tables=metadata,
    migrations=Path(__file__).parent / "notes_migrations",
    scopes={"notes:read": Scope("Read one's notes."), "notes:write": Scope("Write notes.")},
    problems=(TitleTaken,),
)
NOTES = msgspec.structs.replace(NOTES_BESIDE_IDENTITY, authenticate=verify_by_name, find_actor=find_actor_by_name)
