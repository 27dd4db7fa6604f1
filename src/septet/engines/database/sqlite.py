"""SQLite in the event loop's own thread: a read is a few microseconds, and a hop to a thread would cost more.

Plain reads share one connection: each statement is its own transaction and is fetched to its end before anything
else runs. A reading transaction that asked for a snapshot holds a connection of its own. Writes go through the
write lane, `write_lane.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from septet.core.database import Isolation, Many, Maybe, One, Query, Run, Transaction
from septet.core.errors import Unavailable
from septet.engines.database.compile import Plans
from septet.engines.database.dialects import SQLITE
from septet.engines.database.sqlite_connection import Connection, create_private, explain, is_locked
from septet.engines.database.write_lane import WriteLane
from septet.settings import Settings

T = TypeVar("T")

_MOST_SNAPSHOTS = 64  # open at once; each keeps the log from being restarted
_IDLE_SNAPSHOTS = 4  # connections kept for the next ones
_TRIES_WHILE_LOCKED = 100


class SqliteTransaction:
    """Runs queries on one connection. Nothing here waits: each call ends before its coroutine first suspends."""

    __slots__ = ("_connection", "_execute", "_plans", "failure")

    def __init__(self, connection: Connection, plans: Plans) -> None:
        self._connection = connection
        self._execute: Callable[..., sqlite3.Cursor] = connection.execute
        self._plans = plans
        self.failure: Exception | None = None  # of a statement: a writing transaction does not outlive it

    async def one(self, query: One[T], /, **values: Any) -> T:
        plan = self._plans[query]
        row = self._run(plan.name, plan.text(values), plan.bind(**values)).fetchone()
        if row is None:
            raise LookupError(f"{plan.name} found no row")
        made: T = plan.make(*row)
        return made

    async def maybe(self, query: Maybe[T], /, **values: Any) -> T | None:
        plan = self._plans[query]
        row = self._run(plan.name, plan.text(values), plan.bind(**values)).fetchone()
        return None if row is None else plan.make(*row)

    async def all(self, query: Many[T], /, **values: Any) -> list[T]:
        plan = self._plans[query]
        cursor = self._run(plan.name, plan.text(values), plan.bind(**values))
        try:
            return plan.make_many(cursor.fetchall())
        except sqlite3.Error as error:
            raise self._failed(error, plan.name) from error

    async def run(self, query: Run, /, **values: Any) -> int:
        plan = self._plans[query]
        changed = self._run(plan.name, plan.text(values), plan.bind(**values)).rowcount
        if changed < 0 and plan.sql.startswith("WITH"):  # which the driver takes for a SELECT
            changed = self._execute("SELECT changes()").fetchone()[0]
        return max(changed, 0)

    async def run_many(self, query: Run, rows: Iterable[dict[str, Any]], /) -> None:
        plan = self._plans[query]
        for row in rows:
            self._run(plan.name, plan.text(row), plan.bind(**row))

    async def try_lock(self, name: str) -> bool:
        """Always True: writing transactions run one after another, so no other holds anything."""
        return True

    def expire(self) -> None:
        """End the snapshot, and let every later query fail."""
        if self._connection.raw.in_transaction:
            self._connection.raw.rollback()
        self._execute = _expired

    def _run(self, name: str, sql: str, parameters: tuple[Any, ...]) -> sqlite3.Cursor:
        self._connection.until = time.monotonic() + self._connection.timeout
        try:
            return self._execute(sql, parameters)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            if isinstance(error, sqlite3.OperationalError) and is_locked(error):
                return self._run_when_free(name, sql, parameters)
            raise self._failed(error, name) from error

    def _run_when_free(self, name: str, sql: str, parameters: tuple[Any, ...]) -> sqlite3.Cursor:
        """A reader is locked out only while another process recovers the file or is the last to leave it."""
        for tries_left in reversed(range(_TRIES_WHILE_LOCKED)):
            time.sleep(0.002)
            try:
                return self._execute(sql, parameters)
            except sqlite3.Error as error:
                if not is_locked(error) or not tries_left:
                    raise self._failed(error, name) from error
        raise AssertionError

    def _failed(self, error: Exception, name: str) -> Exception:
        self.failure = explain(error, name)
        return self.failure


def _expired(sql: str, parameters: object = ()) -> sqlite3.Cursor:
    raise Unavailable("This transaction is over, or took the database too long.")


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
        self._readers: set[Connection] = set()

    def compile(self, queries: Iterable[Query]) -> None:
        self._plans.compile(queries)

    async def start(self) -> None:
        create_private(self.path)
        self._lane = WriteLane(self.path, self._timeout, lambda connection: SqliteTransaction(connection, self._plans))
        self._reader = SqliteTransaction(self._open_reader(), self._plans)

    async def read(self, work: Callable[[Transaction], Awaitable[T]], *, snapshot: bool = False) -> T:
        if snapshot:
            return await self._read_snapshot(work)
        if self._reader is None:
            raise Unavailable("The database is closed.")
        return await work(self._reader)

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], *, isolation: Isolation = Isolation.SERIALIZABLE
    ) -> T:
        if self._lane is None:
            raise Unavailable("The database is closed.")
        return await self._lane.write(work)

    async def ready(self) -> bool:
        return self._lane is not None and await self._lane.ready()

    async def close(self) -> None:
        lane, self._lane, self._reader = self._lane, None, None
        if lane is None:
            return
        await lane.drain()
        for connection in self._readers:
            connection.raw.close()
        self._readers.clear()
        self._idle.clear()
        await lane.close()  # last, for whoever closes a file last moves its log into it

    async def _read_snapshot(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._reader is None:
            raise Unavailable("The database is closed.")
        if self._snapshots >= _MOST_SNAPSHOTS:
            raise Unavailable("Too many long reads at once.")
        connection = self._idle.pop() if self._idle else self._open_reader()
        self._snapshots += 1
        transaction = SqliteTransaction(connection, self._plans)
        # A snapshot that is held for long keeps the log growing, so it ends, and its later queries fail.
        deadline = asyncio.get_running_loop().call_later(self._timeout, transaction.expire)
        try:
            connection.execute("BEGIN")
            return await work(transaction)
        finally:
            deadline.cancel()
            transaction.expire()
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
