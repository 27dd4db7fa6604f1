"""The limit: a bare ASGI function on granian's embedded server, the raw driver, no routing, no authentication.

python -m benchmarks.rivals.bare PORT sqlite:///path|postgresql://…
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from msgspec import Struct

from septet.core.columns import from_microseconds, to_microseconds, uuid_from_bytes
from septet.core.ids import new_id

OWNER = UUID(int=1)
PAGE = 20
CONNECTIONS = 10
COLUMNS = "id, owner_id, title, text, created_at, updated_at, likes, pinned"
Asgi = Callable[..., Awaitable[None]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class NewNote(Struct, forbid_unknown_fields=True):
    title: str
    text: str


class Note(Struct):
    id: UUID
    owner_id: UUID
    title: str
    text: str
    created_at: datetime
    updated_at: datetime
    likes: int
    pinned: bool


class NotePage(Struct):
    items: list[Note]
    next: str | None = None


class Notes(Protocol):
    """The three questions, put to a raw driver."""

    async def read(self, id: UUID) -> Note: ...
    async def newest(self) -> list[Note]: ...
    async def create(self, note: Note) -> None: ...


class SqliteNotes:
    """One connection in the event-loop thread; every create is a commit of its own, on disk when it returns."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=16)
        self._connection.executescript(f"""
            PRAGMA journal_mode=WAL;
            PRAGMA synchronous=FULL;
            CREATE TABLE IF NOT EXISTS notes ({COLUMNS}, PRIMARY KEY (id)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS notes_newest ON notes (owner_id, created_at, id);
        """)

    async def read(self, id: UUID) -> Note:
        row = self._connection.execute(f"SELECT {COLUMNS} FROM notes WHERE id = ?", (id.bytes,)).fetchone()
        return self._note(row)

    async def newest(self) -> list[Note]:
        select = f"SELECT {COLUMNS} FROM notes WHERE owner_id = ? ORDER BY created_at DESC, id DESC LIMIT ?"
        return [self._note(row) for row in self._connection.execute(select, (OWNER.bytes, PAGE + 1)).fetchall()]

    async def create(self, note: Note) -> None:
        moment = to_microseconds(note.created_at)
        values = (note.id.bytes, OWNER.bytes, note.title, note.text, moment, moment, note.likes, note.pinned)
        self._connection.execute(f"INSERT INTO notes ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    @staticmethod
    def _note(row: Any) -> Note:
        id, owner, title, text, created, updated, likes, pinned = row
        moments = from_microseconds(created), from_microseconds(updated)
        return Note(uuid_from_bytes(id), uuid_from_bytes(owner), title, text, *moments, likes, bool(pinned))


class PostgresqlNotes:
    """Connections that are handed out last in, first out, with nothing asked of them in between."""

    def __init__(self, connections: list[asyncpg.Connection]) -> None:
        self._idle = connections
        self._free = asyncio.Semaphore(len(connections))

    @classmethod
    async def open(cls, url: str) -> PostgresqlNotes:
        connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]
        await connections[0].execute("""
            CREATE TABLE IF NOT EXISTS notes (id uuid PRIMARY KEY, owner_id uuid, title text, text text,
                created_at timestamptz, updated_at timestamptz, likes bigint, pinned boolean);
            CREATE INDEX IF NOT EXISTS notes_newest ON notes (owner_id, created_at, id);
        """)
        return cls(connections)

    async def read(self, id: UUID) -> Note:
        return Note(*(await self._fetch(f"SELECT {COLUMNS} FROM notes WHERE id = $1", id))[0])

    async def newest(self) -> list[Note]:
        select = f"SELECT {COLUMNS} FROM notes WHERE owner_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
        return [Note(*row) for row in await self._fetch(select, OWNER, PAGE + 1)]

    async def create(self, note: Note) -> None:
        insert = f"INSERT INTO notes ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        await self._fetch(insert, *msgspec.structs.astuple(note))

    async def _fetch(self, text: str, *values: object) -> list[Any]:
        async with self._free:
            connection = self._idle.pop()
            try:
                return list(await connection.fetch(text, *values))
            finally:
                self._idle.append(connection)


def application(notes: Notes) -> Asgi:
    """GET /notes/<id>, GET /notes, POST /notes."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(NewNote).decode

    async def answer(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        status = 200
        if scope["method"] == "POST":
            new = decode((await receive())["body"])
            now = datetime.now(timezone.utc)
            note = Note(new_id(), OWNER, new.title, new.text, now, now, 0, False)
            await notes.create(note)
            status, body = 201, encode(note)
        elif len(scope["path"]) > len("/notes"):
            body = encode(await notes.read(UUID(scope["path"][len("/notes/") :])))
        else:
            found = await notes.newest()
            items = found[:PAGE]
            body = encode(NotePage(items, str(items[-1].id) if len(found) > PAGE else None))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def main(port: int, url: str, around: Callable[[Asgi], Asgi] = lambda inner: inner) -> None:
    """Serve; `around` is what a call goes through before."""
    notes: Notes
    if url.startswith("sqlite"):
        notes = SqliteNotes(url.removeprefix("sqlite:///"))
    else:
        notes = await PostgresqlNotes.open(url)
    server = Server(
        around(application(notes)), port=port, interface=Interfaces.ASGINL, websockets=False, log_access=False
    )
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
