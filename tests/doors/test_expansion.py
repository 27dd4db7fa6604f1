"""`?expand=` and `?fields=`: what else of a reply is wanted, and which of it alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from septet.core import projection
from septet.core.floor import FLOOR
from support.app import client_of, running_septet
from support.databases import new_sqlite_database
from support.doors import named
from support.shelf_system import SHELF, calls

ADA = {"authorization": "Bearer ada"}


@asynccontextmanager
async def shelf(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    url = new_sqlite_database(folder)
    async with (
        running_septet(url, folder, systems=[FLOOR, SHELF]) as septet,
        client_of(septet, headers=ADA) as client,
    ):
        calls.clear()
        yield client


SHOWN = named(
    (
        "nothing asked",
        "/1",
        {"id": "1", "author_id": "ann", "title": "First", "size": {"pages": 10, "maker_id": "ben"}},
    ),
    ("fields", "/1?fields=title,id", {"id": "1", "title": "First"}),
    ("fields twice", "/1?fields=title&fields=id", {"id": "1", "title": "First"}),
    ("field of an object", "/1?fields=size.pages", {"size": {"pages": 10}}),
    ("unset stays away", "/1?fields=lent_to,id", {"id": "1"}),
    ("set is shown", "/2?fields=lent_to,id", {"id": "2", "lent_to": "zoe"}),
    ("relation", "/1?fields=id&expand=author", {"id": "1", "author": {"id": "ann", "name": "Ann"}}),
    ("relation's field", "/1?fields=id,author.name&expand=author", {"id": "1", "author": {"name": "Ann"}}),
    ("relation of nobody", "/4?fields=id&expand=author", {"id": "4", "author": None}),
    ("relation of a value", "/1?fields=id&expand=letters", {"id": "1", "letters": 5}),
    (
        "relation in an object",
        "/1?fields=size.pages&expand=size.maker",
        {"size": {"pages": 10, "maker": {"id": "ben", "name": "Ben"}}},
    ),
    ("relation that finds nothing", "/3?fields=size.pages&expand=size.maker", {"size": {"pages": 30, "maker": None}}),
    (
        "relation of a relation",
        "/2?fields=id,author.id,author.books.title&expand=author.books",
        {"id": "2", "author": {"id": "ben", "books": [{"title": "Second"}]}},
    ),
    (
        "page of a relation",
        "/2?fields=id,author.id,author.shelf.title&expand=author.shelf",
        {"id": "2", "author": {"id": "ben", "shelf": {"items": [{"title": "Second"}], "next": None, "previous": None}}},
    ),
)


@pytest.mark.parametrize(("query", "expected"), SHOWN)
async def test_shown_as_asked(tmp_path: Path, query: str, expected: Any) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get(f"/v1/shelf/books{query}")
        assert (reply.status_code, reply.json()) == (200, expected)


async def test_a_page_is_about_its_items_and_takes_one_call_a_relation(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get("/v1/shelf/books?expand=author.books.author,size.maker&fields=title,author.name")
        assert [item["author"] and item["author"]["name"] for item in reply.json()["items"]] == [
            "Ann",
            "Ben",
            "Ann",
            None,
        ]
        assert reply.json()["items"][0]["size"]["maker"]["name"] == "Ben"
        assert reply.json()["next"] is None
        assert calls == {"author": 2, "maker": 1, "books": 1}


async def test_members_of_a_union_keep_their_tag(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get("/v1/shelf/things?fields=id&expand=sleeve")
        assert reply.json() == [
            {"kind": "paper", "id": "p"},
            {"kind": "disc", "id": "d", "sleeve": "sleeve of d"},
        ]


REFUSED = named(
    ("unknown relation", "/1?expand=publisher", 422, "/expand"),
    ("unknown field", "/1?fields=publisher", 422, "/fields"),
    ("empty step", "/1?expand=author..books", 422, "/expand"),
    ("into a value", "/1?fields=title.length", 422, "/fields"),
    ("relation not expanded", "/1?fields=author.name", 422, "/fields"),
    ("relation that needs arguments", "/1?expand=nth", 422, "/expand"),
    ("too deep", "/1?expand=author.books.author.books.author", 422, "/expand"),
    ("too many", "/1?fields=" + ",".join(["id"] * 31), 422, "/expand"),
    ("without its scope", "/1?expand=secrets", 403, None),
    ("fails", "/1?expand=broken", 409, None),
    ("nothing", "/9?expand=author", 404, None),
)


@pytest.mark.parametrize(("query", "status", "pointer"), REFUSED)
async def test_refused(tmp_path: Path, query: str, status: int, pointer: str | None) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get(f"/v1/shelf/books{query}")
        assert reply.status_code == status, reply.text
        assert {fault["pointer"] for fault in reply.json().get("errors", [])} == ({pointer} if pointer else set())


async def test_nobody_learns_names_without_a_token(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get("/v1/shelf/books/1?expand=publisher", headers={"authorization": ""})
        assert reply.status_code == 401


async def test_what_shows_no_objects_takes_neither(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        reply = await client.get("/v1/shelf/count?fields=id")
        assert reply.status_code == 422


async def test_a_change_is_shown_with_its_relations(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        made = await client.post("/v1/shelf/books?expand=author,broken&fields=id", json={"title": "New"})
        assert (made.status_code, made.json()) == (
            201,
            {"id": "9", "author": {"id": "ben", "name": "Ben"}, "broken": None},
        )
        refused = await client.post("/v1/shelf/books?expand=secrets", json={"title": "New"})
        assert refused.status_code == 403


async def test_a_change_that_stands_is_never_told_as_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MOST_OBJECTS", 1)
    async with shelf(tmp_path) as client:
        made = await client.post("/v1/shelf/books?expand=author&fields=id", json={"title": "New"})
        assert (made.status_code, made.json()["title"]) == (201, "New")
        assert (await client.get("/v1/shelf/books/1?expand=author")).status_code == 422


async def test_the_document_tells_of_relations(tmp_path: Path) -> None:
    async with shelf(tmp_path) as client:
        document = (await client.get("/openapi.json")).json()
        given = document["paths"]["/v1/shelf/books"]["get"]["parameters"]
        parameters = {each["name"]: each for each in given if "name" in each}
        assert "author" in parameters["expand"]["description"]
        book = document["components"]["schemas"]["Book"]
        assert book["properties"]["author"]["anyOf"][0] == {"$ref": "#/components/schemas/Author"}
        assert "author" not in book["required"]
        assert "nth" not in book["properties"]
