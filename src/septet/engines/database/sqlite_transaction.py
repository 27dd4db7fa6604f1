"""Queries on a SQLite connection. Nothing here waits: each ends before its coroutine could first suspend."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any, TypeVar

from septet.core.database import Many, Maybe, One, Run
from septet.core.errors import Unavailable
from septet.engines.database.compile import Plan, Plans
from septet.engines.database.sqlite_connection import Connection, explain, is_locked

T = TypeVar("T")

_TRIES_WHILE_LOCKED = 100


class SqliteTransaction:
    """Plain reads: each query is a transaction of its own, so that any number of callers may share this."""

    __slots__ = ("_connection", "_execute", "_plans")

    def __init__(self, connection: Connection, plans: Plans) -> None:
        self._connection = connection
        self._execute = connection.raw.execute
        self._plans = plans

    async def one(self, query: One[T], /, **values: Any) -> T:
        plan = self._plans[query]
        row = self._run(plan, plan.text(values), plan.bind(**values)).fetchone()
        if row is None:
            raise LookupError(f"{plan.name} found no row")
        made: T = plan.make(*row)
        return made

    async def maybe(self, query: Maybe[T], /, **values: Any) -> T | None:
        plan = self._plans[query]
        row = self._run(plan, plan.text(values), plan.bind(**values)).fetchone()
        return None if row is None else plan.make(*row)

    async def all(self, query: Many[T], /, **values: Any) -> list[T]:
        plan = self._plans[query]
        cursor = self._run(plan, plan.text(values), plan.bind(**values))
        try:
            return plan.make_many(cursor.fetchall())
        except sqlite3.Error as error:
            raise self._failed(error, plan) from error

    async def run(self, query: Run, /, **values: Any) -> int:
        plan = self._plans[query]
        changed = self._run(plan, plan.text(values), plan.bind(**values)).rowcount
        if changed < 0 and plan.sql.startswith("WITH"):  # which the driver takes for a SELECT
            changed = self._execute("SELECT changes()").fetchone()[0]
        return max(changed, 0)

    async def run_many(self, query: Run, rows: Iterable[dict[str, Any]], /) -> None:
        plan = self._plans[query]
        if plan.lists:  # each row may have another text
            for row in rows:
                self._run(plan, plan.text(row), plan.bind(**row))
            return
        parameters = [plan.bind(**row) for row in rows]
        self._connection.until = time.monotonic() + self._connection.timeout
        try:
            self._connection.raw.executemany(plan.sql, parameters)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._failed(error, plan) from error

    async def try_lock(self, name: str) -> bool:
        """Always True: writing transactions run one after another, so no other holds anything."""
        return True

    def probe(self) -> None:
        """Raise if the file cannot be read."""
        self._execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()

    def _run(self, plan: Plan, sql: str, parameters: tuple[Any, ...]) -> sqlite3.Cursor:
        self._connection.until = time.monotonic() + self._connection.timeout
        try:
            return self._execute(sql, parameters)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            if isinstance(error, sqlite3.Error) and is_locked(error):
                return self._run_when_free(plan, sql, parameters)
            raise self._failed(error, plan) from error

    def _run_when_free(self, plan: Plan, sql: str, parameters: tuple[Any, ...]) -> sqlite3.Cursor:
        """A reader is locked out only while another process recovers the file, or is the last to leave it."""
        for tries_left in reversed(range(_TRIES_WHILE_LOCKED)):
            time.sleep(0.002)
            try:
                return self._execute(sql, parameters)
            except sqlite3.Error as error:
                if not is_locked(error) or not tries_left:
                    raise self._failed(error, plan) from error
        raise AssertionError

    def _failed(self, error: Exception, plan: Plan) -> Exception:
        return explain(error, plan.name)


class SnapshotTransaction(SqliteTransaction):
    """Reads of one moment, on a connection of its own."""

    __slots__ = ()

    def begin(self) -> None:
        self._execute("BEGIN")

    def end(self) -> None:
        """Let go of the snapshot; every later query fails."""
        if self._connection.raw.in_transaction:
            self._connection.raw.rollback()
        self._execute = _ended


class LaneTransaction(SqliteTransaction):
    """The write lane's: one operation after another runs in it, each in a savepoint."""

    __slots__ = ("failure",)

    def __init__(self, connection: Connection, plans: Plans) -> None:
        super().__init__(connection, plans)
        self.failure: Exception | None = None  # of a statement of this operation, which then cannot be committed

    def _failed(self, error: Exception, plan: Plan) -> Exception:
        problem = explain(error, plan.name)
        problem.__cause__ = error
        self.failure = self.failure or problem
        return problem


def _ended(sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
    raise Unavailable("This read took too long.")
