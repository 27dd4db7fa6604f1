"""A shelf of books, held in memory: one of every relation, and a count of the calls that each took."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from septet.core.context import Context
from septet.core.errors import Conflict, NotFound
from septet.core.operation import operation
from septet.core.relation import relation
from septet.core.system import Scope, System
from septet.core.types import Count, Input, Output, Page
from support.sample_system import verify_by_name

calls: Counter[str] = Counter()


class Size(Output):
    """How big a thing is."""

    pages: Count
    maker_id: str


class Book(Output):
    """Something to read."""

    id: str
    author_id: str | None
    title: str
    size: Size
    lent_to: str | UnsetType = UNSET


class Author(Output):
    """Somebody who writes."""

    id: str
    name: str


class Paper(Output, tag_field="kind", tag="paper"):
    """A thing on paper."""

    id: str


class Disc(Output, tag_field="kind", tag="disc"):
    """A thing on a disc."""

    id: str
    minutes: Count


class NewBook(Input):
    """A book to put on the shelf."""

    title: Annotated[str, Meta(min_length=1)]


AUTHORS = {name: Author(name, name.title()) for name in ("ann", "ben")}
BOOKS = [
    Book("1", "ann", "First", Size(10, "ben")),
    Book("2", "ben", "Second", Size(20, "ann"), lent_to="zoe"),
    Book("3", "ann", "Third", Size(30, "zoe")),
    Book("4", None, "Fourth", Size(40, "ann")),
]


@operation.get("/v1/shelf/books", scope="shelf:read")
async def list_books(ctx: Context) -> Page[Book]:
    """All books."""
    return Page(list(BOOKS))


@operation.get("/v1/shelf/books/{id}", scope="shelf:read")
async def read_book(ctx: Context, id: str) -> Book:
    """A book."""
    found = next((book for book in BOOKS if book.id == id), None)
    if found is None:
        raise NotFound("There is no such book.")
    return found


@operation.post("/v1/shelf/books", scope="shelf:read")
async def add_book(ctx: Context, body: NewBook) -> Book:
    """Put a book on the shelf; it is gone again at once."""
    return Book("9", "ben", body.title, Size(1, "ben"))


@operation.get("/v1/shelf/things", scope="shelf:read")
async def list_things(ctx: Context) -> list[Paper | Disc]:
    """Things of two kinds."""
    return [Paper("p"), Disc("d", 74)]


@operation.get("/v1/shelf/count", scope="shelf:read")
async def count_books(ctx: Context) -> Count:
    """How many books there are."""
    return len(BOOKS)


@relation(Book, "author", by="author_id", scope="shelf:read")
async def authors(ctx: Context, ids: Sequence[str]) -> Mapping[str, Author]:
    """Who wrote it."""
    calls["author"] += 1
    assert len(set(ids)) == len(ids)
    return {id: AUTHORS[id] for id in ids if id in AUTHORS}


@relation(Size, "maker", by="maker_id", scope="shelf:read")
async def makers(ctx: Context, ids: Sequence[str]) -> Mapping[str, Author]:
    """Who made it."""
    calls["maker"] += 1
    return {id: AUTHORS[id] for id in ids if id in AUTHORS}


@relation(Author, "books", scope="shelf:read")
async def books_of(ctx: Context, ids: Sequence[str]) -> Mapping[str, list[Book]]:
    """What they wrote."""
    calls["books"] += 1
    return {id: [book for book in BOOKS if book.author_id == id] for id in ids}


@relation(Author, "shelf", scope="shelf:read")
async def shelf_of(ctx: Context, ids: Sequence[str]) -> Mapping[str, Page[Book]]:
    """What they wrote, as a page."""
    return {id: Page([book for book in BOOKS if book.author_id == id]) for id in ids}


@relation(Book, "letters", public=True)
async def letters(ctx: Context, ids: Sequence[str]) -> Mapping[str, Count]:
    """How long the title is."""
    return {book.id: len(book.title) for book in BOOKS if book.id in ids}


@relation(Book, "secrets", scope="shelf:admin")
async def secrets(ctx: Context, ids: Sequence[str]) -> Mapping[str, str]:
    """What only administrators know."""
    return dict.fromkeys(ids, "hush")


@relation(Book, "broken", public=True)
async def broken(ctx: Context, ids: Sequence[str]) -> Mapping[str, str]:
    """It never works."""
    raise Conflict("It is broken.")


@relation(Book, "nth", public=True)
async def nth_letter(ctx: Context, ids: Sequence[str], at: Count) -> Mapping[str, str]:
    """A letter of the title."""
    return {book.id: book.title[at] for book in BOOKS if book.id in ids}


@relation(Disc, "sleeve", public=True)
async def sleeves(ctx: Context, ids: Sequence[str]) -> Mapping[str, str]:
    """What it lies in."""
    return {id: f"sleeve of {id}" for id in ids}


async def verify(runtime: object, token: str) -> object:
    """Whoever may read notes may read books."""
    known = await verify_by_name(runtime, token)  # type: ignore[arg-type]
    more = {"shelf:read"} if "notes:read" in known.actor.scopes else set()
    actor = msgspec.structs.replace(known.actor, scopes=known.actor.scopes | more)
    return msgspec.structs.replace(known, actor=actor)


SHELF = System(
    name="shelf",
    summary="Books on a shelf.",
    modules=(sys.modules[__name__],),
    scopes={"shelf:read": Scope("See the shelf."), "shelf:admin": Scope("Know its secrets.", members=False)},
    authenticate=verify,  # type: ignore[arg-type]
)
