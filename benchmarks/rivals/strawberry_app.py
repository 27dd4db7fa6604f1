"""The feed in Strawberry, as quick as its documentation teaches: DataLoaders, its caches of parsed and validated
documents, and SQLite asked directly in the event loop, since a driver with threads would cost it more. It
authenticates nobody, limits nothing, and each request opens no transaction.

`FEED_DATABASE` is the path of its database, which is filled at start with the same rows as Septet's.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from datetime import datetime, timezone
from typing import Any

import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

PEOPLE, POSTS = 20, 400
TEXT = "They had come every morning for a week."

connection = sqlite3.connect(os.environ["FEED_DATABASE"], isolation_level=None)


def fill() -> None:
    connection.executescript("""
        PRAGMA journal_mode=WAL;
        CREATE TABLE IF NOT EXISTS person (id BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS post (id BLOB PRIMARY KEY, author_id BLOB NOT NULL, text TEXT NOT NULL,
            likes INTEGER NOT NULL, created_at REAL NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS counts (person_id BLOB PRIMARY KEY, followers INTEGER NOT NULL,
            posts INTEGER NOT NULL) WITHOUT ROWID;
    """)
    people = [uuid.UUID(int=number + 1).bytes for number in range(PEOPLE)]
    now = datetime.now(timezone.utc).timestamp()
    with connection:
        connection.execute("BEGIN")
        for number, person in enumerate(people):
            connection.execute("INSERT INTO person VALUES (?, ?)", (person, f"Person {number}"))
            connection.execute("INSERT INTO counts VALUES (?, ?, ?)", (person, number, POSTS // PEOPLE))
        for number in range(POSTS):
            row = (uuid.UUID(int=(1 << 100) + number).bytes, people[number % PEOPLE], TEXT, number, now)
            connection.execute("INSERT INTO post VALUES (?, ?, ?, ?, ?)", row)


def rows(query: str, keys: list[bytes]) -> list[tuple[Any, ...]]:
    return connection.execute(query.format(",".join("?" * len(keys))), keys).fetchall()


@strawberry.type
class Counts:
    followers: int
    posts: int


@strawberry.type
class Person:
    id: uuid.UUID
    name: str

    @strawberry.field
    async def counts(self, info: Info[Any, None]) -> Counts:
        found: Counts = await info.context["counts"].load(self.id.bytes)
        return found


@strawberry.type
class Post:
    id: uuid.UUID
    author_id: strawberry.Private[bytes]
    text: str
    likes: int
    created_at: datetime

    @strawberry.field
    async def author(self, info: Info[Any, None]) -> Person:
        found: Person = await info.context["authors"].load(self.author_id)
        return found


@strawberry.type
class PostConnection:
    nodes: list[Post]


@strawberry.type
class Query:
    @strawberry.field
    async def list_posts(self, first: int = 20) -> PostConnection:
        found = connection.execute(
            "SELECT id, author_id, text, likes, created_at FROM post ORDER BY id DESC LIMIT ?", (first + 1,)
        ).fetchall()
        return PostConnection(
            nodes=[
                Post(
                    id=uuid.UUID(bytes=id),
                    author_id=author,
                    text=text,
                    likes=likes,
                    created_at=datetime.fromtimestamp(at, timezone.utc),
                )
                for id, author, text, likes, at in found[:first]
            ]
        )


async def load_authors(keys: list[bytes]) -> list[Person]:
    found = dict(rows("SELECT id, name FROM person WHERE id IN ({})", keys))
    return [Person(id=uuid.UUID(bytes=key), name=found[key]) for key in keys]


async def load_counts(keys: list[bytes]) -> list[Counts]:
    found = {
        row[0]: row for row in rows("SELECT person_id, followers, posts FROM counts WHERE person_id IN ({})", keys)
    }
    return [Counts(followers=found[key][1], posts=found[key][2]) for key in keys]


class Door(GraphQL[Any, None]):
    async def get_context(self, request: Any, response: Any = None) -> Any:
        return {"authors": DataLoader(load_fn=load_authors), "counts": DataLoader(load_fn=load_counts)}


fill()
app = Door(strawberry.Schema(Query, extensions=[ParserCache(maxsize=100), ValidationCache(maxsize=100)]))
