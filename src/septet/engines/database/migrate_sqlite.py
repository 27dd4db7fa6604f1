"""How a SQLite file is read for its versions, locked against other processes, and changed."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from septet.engines.database.moved import why_not_use
from septet.engines.database.presence import Presence
from septet.engines.database.revisions import MigrationError, version_table
from septet.engines.database.sqlite_connection import create_private
from septet.engines.database.turns import Turn

T = TypeVar("T")
_PATIENCE = 30.0  # seconds that SQLite waits for a stranger that holds the file: a shell, a backup


class SqliteStore:
    """The database file at `path`."""

    embedded = True

    def __init__(self, path: Path) -> None:
        self.path = path

    async def versions(self, systems: Sequence[str]) -> dict[str, str | None] | None:
        """Each system's version; None for a file without tables. One SELECT a system."""
        if not self.path.exists():
            return None
        presence = Presence(self.path)
        await presence.enter()
        try:
            return self._versions(systems)
        except sqlite3.DatabaseError as error:
            raise MigrationError(f"{self.path} cannot be read: {error}") from error
        finally:
            presence.close()

    def _versions(self, systems: Sequence[str]) -> dict[str, str | None] | None:
        with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
            if not tables:
                return None
            found: dict[str, str | None] = dict.fromkeys(systems)
            for system in systems:
                if version_table(system) in tables:
                    select = f"select version_num from {version_table(system)}"  # noqa: S608 — names from our cards
                    row = connection.execute(select).fetchone()
                    found[system] = row[0] if row else None
            return found

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[SqliteTurn]:
        """Hold the turn to write, as the write lanes of serving processes do; the kernel gives it back if we die."""
        create_private(self.path)
        if reason := why_not_use(self.path):
            raise MigrationError(reason)
        presence = Presence(self.path)
        await presence.enter()
        turn = Turn(self.path)
        try:
            await asyncio.to_thread(turn.take, wait=True)
            yield SqliteTurn(self.path)
        finally:
            turn.close()
            presence.close()

    async def back_up(self, folder: Path, versions: Mapping[str, str | None]) -> Path:
        from septet.engines.database.backup import back_up

        return await asyncio.to_thread(back_up, self.path, folder, versions)


class SqliteTurn:
    """Changes the file while holding its turn.

    The driver begins no transaction by itself, so ours hold DDL too: all of a revision, or nothing. Foreign keys
    are off before they begin: rebuilding a table drops the old one, and SQLite would take that for deleting all
    of its rows, and delete the rows that point to them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which makes and ends its own transactions, in a thread."""
        return await asyncio.to_thread(self._change, work)

    def _change(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = off"):
            connection.execute(f"pragma {pragma}")
        return connection

    @staticmethod
    def before_commit(connection: Connection) -> None:
        """Refuse a change that would leave rows pointing to nothing."""
        dangling = connection.exec_driver_sql("pragma foreign_key_check").fetchmany(5)
        if dangling:
            places = ", ".join(sorted({f"{table} to {parent}" for table, _, parent, _ in dangling}))
            raise MigrationError(f"rows would be left pointing to rows that are not there: {places}")
