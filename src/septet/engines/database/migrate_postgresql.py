"""How a PostgreSQL database is read for its versions, locked against other processes, and changed.

Alembic is synchronous and asyncpg is our only driver, so SQLAlchemy's asyncpg dialect runs the one over the other
(it needs greenlet). A second, synchronous driver would read the same URL a little differently.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from septet.engines.database.revisions import MOVE_STATE, MigrationError, version_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
LOCK_KEY = int.from_bytes(b"septet", "big")  # of the advisory lock that whoever migrates holds
_POLL = 0.2  # seconds between looks at that lock
_LOCK_WAIT = 2.0  # seconds that a revision may queue for a table, and all who come after it with it
_PAUSES = (0.1, 0.3, 1.0, 3.0, *(5.0,) * 10)  # seconds between tries to get at a table
_TRY_AGAIN = {"55P03", "40P01"}  # lock not available, deadlock
_TABLES = """
    select relname::text from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
"""

log = structlog.get_logger(__name__)


class PostgresqlStore:
    """The database at `url`."""

    embedded = False

    def __init__(self, url: str) -> None:
        self._url = url

    async def versions(self, systems: Sequence[str]) -> dict[str, str | None] | None:
        """Each system's version; None for a database that holds no table of theirs. Two SELECTs."""
        connection = await self._connect()
        try:
            tables = {row[0] for row in await connection.fetch(_TABLES)}
            if MOVE_STATE in tables:
                raise MigrationError("a move into this database is not finished: give its `septet move` once more")
            if not any(table.startswith(f"{system}_") for table in tables for system in systems):
                return None
            found: dict[str, str | None] = dict.fromkeys(systems)
            selects = [
                f"select '{system}', version_num from {version_table(system)}"  # noqa: S608 — names from our cards
                for system in systems
                if version_table(system) in tables
            ]
            if selects:
                found.update({row[0]: row[1] for row in await connection.fetch(" union all ".join(selects))})
            return found
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[PostgresqlTurn]:
        """Hold an advisory lock, so that of several processes one migrates and the others wait."""
        from sqlalchemy.ext.asyncio import create_async_engine

        guard = await self._connect()
        engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, connect_args=self._arguments())
        event.listen(engine.sync_engine, "begin", _limit_waiting)
        try:
            await _lock(guard)
            async with engine.connect() as connection:
                yield PostgresqlTurn(guard, connection)
        finally:
            await engine.dispose()
            await guard.close()

    async def back_up(self, folder: Path, versions: Mapping[str, str | None]) -> Path:
        raise MigrationError("PostgreSQL is backed up by its own means, such as pg_dump")

    async def _connect(self, **_: Any) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(self._url, statement_cache_size=0)
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise MigrationError(f"PostgreSQL cannot be reached: {error}") from error

    def _arguments(self) -> dict[str, Any]:
        """Names of statements that are never met again, as PgBouncer wants them."""
        return {
            "async_creator_fn": self._connect,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"septet_{uuid.uuid4().hex}",
        }


class PostgresqlTurn:
    """Changes the database while `guard` holds the lock."""

    def __init__(self, guard: asyncpg.Connection, connection: AsyncConnection) -> None:
        self._guard = guard
        self._connection = connection

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, again if it could not get at a table in time: all others queue behind who waits for a lock."""
        for pause in (*_PAUSES, None):
            # Raises if the lock went with its connection; and its last result no longer holds a snapshot afterwards.
            await self._guard.execute("select 1")
            try:
                return await self._connection.run_sync(work)
            except DBAPIError as error:
                await self._connection.rollback()
                if getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN:
                    raise
                if pause is None:
                    raise MigrationError(
                        "a table could not be locked: another session keeps using it. "
                        "pg_stat_activity shows which; end it and run the command again"
                    ) from error
                log.warning("a table is in use, will try again", seconds=pause)
                await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def before_commit(connection: Connection) -> None:
        """PostgreSQL checks its constraints itself."""


async def _lock(guard: asyncpg.Connection) -> None:
    """Wait by asking again and again, holding nothing in between.

    Whoever waits inside `pg_advisory_lock` has a snapshot, and CREATE INDEX CONCURRENTLY waits for all of those: the
    two would wait for each other. A transaction's lock, on a connection of its own, also holds behind PgBouncer.
    """
    waiting = False
    while True:
        await guard.execute("begin isolation level read committed; set local idle_in_transaction_session_timeout = 0")
        if await guard.fetchval(f"select pg_try_advisory_xact_lock({LOCK_KEY})"):
            return
        await guard.execute("rollback")
        if not waiting:
            log.info("waiting for another process that migrates this database")
            waiting = True
        await asyncio.sleep(_POLL)


def _limit_waiting(connection: Connection) -> None:
    """Outside a transaction nothing is limited: a concurrent index waits for others, who need not wait for it."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"set local lock_timeout = '{_LOCK_WAIT}s'")
