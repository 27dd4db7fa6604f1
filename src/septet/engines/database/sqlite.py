"""SQLite in the event loop's own thread: a read is a few microseconds, and a hop to a thread would cost more.

Plain reads share one connection: each statement is its own transaction and is fetched to its end before anything
else runs. A reading transaction that asked for a snapshot holds a connection of its own. Writes go through the
write lane, `write_lane.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from septet.core.database import Isolation, Query, Transaction
from septet.core.errors import Unavailable
from septet.engines.database.compile import Plans
from septet.engines.database.dialects import SQLITE
from septet.engines.database.moved import why_not_use
from septet.engines.database.presence import Presence
from septet.engines.database.sqlite_connection import Connection, create_private
from septet.engines.database.sqlite_transaction import LaneTransaction, SnapshotTransaction, SqliteTransaction
from septet.engines.database.write_lane import WriteLane
from septet.settings import Settings

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

_MOST_SNAPSHOTS = 64  # open at once; each keeps the log from being restarted
_IDLE_SNAPSHOTS = 4  # connections that are kept for the next ones
_CLOSED = "The database is closed."


def _refuse_moved(path: Path) -> None:
    """Who went on with the former file by mistake would write what nobody finds again."""
    if reason := why_not_use(path):
        raise Unavailable(reason)


class SqliteDatabase:
    """One file, many readers, one write lane a process."""

    dialect = "sqlite"

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._timeout = settings.database_timeout
        self._plans = Plans(SQLITE)
        self._reader: SqliteTransaction | None = None
        self._idle: list[Connection] = []
        self._snapshots = 0
        self._lane: WriteLane | None = None
        self._presence: Presence | None = None
        self._readers: set[Connection] = set()

    def compile(self, queries: Iterable[Query]) -> None:
        self._plans.compile(queries)

    async def start(self) -> None:
        _refuse_moved(self.path)
        create_private(self.path)
        presence = Presence(self.path)
        await presence.enter()
        self._presence = presence
        _refuse_moved(self.path)  # once more: a move may have ended while we waited
        connection = Connection(self.path, self._timeout, writes=True)
        self._lane = WriteLane(self.path, connection, LaneTransaction(connection, self._plans))
        self._reader = SqliteTransaction(self._open_reader(), self._plans)

    async def read(self, work: Work[T], *, snapshot: bool = False) -> T:
        if snapshot:
            return await self._read_snapshot(work)
        if self._reader is None:
            raise Unavailable(_CLOSED)
        return await work(self._reader)

    async def write(self, work: Work[T], *, isolation: Isolation = Isolation.SERIALIZABLE, name: str = "") -> T:
        if self._lane is None:
            raise Unavailable(_CLOSED)
        return await self._lane.write(work)

    async def ready(self) -> bool:
        if self._lane is None or self._reader is None:
            return False
        try:
            self._reader.probe()
        except (Unavailable, sqlite3.Error):
            return False
        return await self._lane.ready()

    def gauges(self) -> Mapping[str, int]:
        return {"writes waiting": self._lane.waiting if self._lane else 0, "snapshots": self._snapshots}

    async def close(self) -> None:
        lane, self._lane, self._reader = self._lane, None, None
        presence, self._presence = self._presence, None
        if lane is not None:
            await lane.drain()
            for connection in self._readers:
                connection.raw.close()
            self._readers.clear()
            self._idle.clear()
            await lane.close()  # last, for whoever closes a file last moves its log into it
        if presence is not None:
            presence.close()

    async def _read_snapshot(self, work: Work[T]) -> T:
        if self._reader is None:
            raise Unavailable(_CLOSED)
        if self._snapshots >= _MOST_SNAPSHOTS:
            raise Unavailable("Too many long reads at once.")
        connection = self._idle.pop() if self._idle else self._open_reader()
        self._snapshots += 1
        transaction = SnapshotTransaction(connection, self._plans)
        # A snapshot that is held for long keeps the log growing, so it ends, and its later queries fail.
        deadline = asyncio.get_running_loop().call_later(self._timeout, transaction.end)
        try:
            transaction.begin()
            return await work(transaction)
        finally:
            deadline.cancel()
            transaction.end()
            self._snapshots -= 1
            self._give_back(connection)

    def _open_reader(self) -> Connection:
        connection = Connection(self.path, self._timeout, writes=False)
        self._readers.add(connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if self._reader is not None and len(self._idle) < _IDLE_SNAPSHOTS:
            self._idle.append(connection)
        else:
            self._readers.discard(connection)
            connection.raw.close()
