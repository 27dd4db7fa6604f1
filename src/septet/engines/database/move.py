"""Moving from SQLite to PostgreSQL while the server goes on, and proving that everything arrived.

    copy      rounds through all tables, each bringing over what changed since the last; the server reads and writes
    wait      until no process uses the file any more, and keep all out
    finish    a last round, then a digest of every table on both sides
    mark      the file as moved, so that no server goes on with it by mistake; then the target is let go

A move that was cut off, by kill -9 too, is begun again with the same words and goes on where it was. One that an
earlier release began is begun anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from septet.core.system import System
from septet.engines.database.backup_postgresql import connected
from septet.engines.database.digest import TableDigest, declared_shape, digest_postgresql, digest_sqlite
from septet.engines.database.migrations import status
from septet.engines.database.move_tables import Copied, MovingTable
from septet.engines.database.move_target import ForeignKey, Tell, prepare_target
from septet.engines.database.moved import mark_moved
from septet.engines.database.presence import Presence
from septet.engines.database.revisions import MOVE_STATE, MigrationError

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy import Table

_ROUNDS = 6
_FEW = 500  # changes in a round, after which the rest can be copied while the server stands still
_PAUSE = 0.2


class Moved(Struct, frozen=True):
    """What arrived: each table with its rows and its digest, the same on both sides."""

    tables: list[TableDigest]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


async def move(path: Path, url: str, systems: Sequence[System], tell: Tell, *, patience: float) -> Moved:
    """Move the SQLite file at `path`, which is absolute, to the empty PostgreSQL database at `url`.

    `patience`: seconds to wait for the server to stop, once nearly everything is there. Raises MigrationError where
    the target is not empty, the source was moved or is of another release, or somebody still uses it after that time,
    ArchiveError where PostgreSQL cannot be reached or fails.
    """
    tables = [table for system in systems if system.tables for table in system.tables.sorted_tables]
    await _check_source(path, systems)
    async with connected(url) as target:
        foreign_keys = await prepare_target(target, path, url, systems, tables, tell)
        moving = [MovingTable(table) for table in tables]
        await _catch_up(path, target, moving, tell)
        presence = Presence(path)
        try:
            await _wait_alone(presence, patience, tell)
            await _round(path, target, moving, tell)
            moved = await _verify(path, target, tables)
            await _end(target, foreign_keys, path, url)
        finally:
            presence.close()
        return moved


async def _check_source(path: Path, systems: Sequence[System]) -> None:
    for found in await status(f"sqlite:///{quote(str(path))}", systems):
        if found.missing or found.is_newer:
            raise MigrationError(
                f"{path}: {found.system} is at {found.current}, this release has {found.head}. "
                "Start `septet serve` or `septet migrate up` of this release once, then move"
            )


async def _catch_up(path: Path, target: asyncpg.Connection, moving: Sequence[MovingTable], tell: Tell) -> None:
    """Rounds, until little changes from one to the next."""
    for number in range(1, _ROUNDS + 1):
        tell(f"round {number}")
        if await _round(path, target, moving, tell) <= _FEW:
            return


async def _round(path: Path, target: asyncpg.Connection, moving: Sequence[MovingTable], tell: Tell) -> int:
    """Walk through all tables; how many rows changed. Each table is read as of one moment."""
    source = _open_source(path)
    try:
        changed = 0
        for table in moving:
            source.execute("begin")
            stale = await table.delete_stale(source, target)
            missing = await table.insert_missing(source, target)
            await table.set_numbering(source, target)
            source.execute("commit")
            changed += stale.changed + missing.changed
            _tell_of(missing, stale, tell)
        return changed
    finally:
        source.close()


def _open_source(path: Path) -> sqlite3.Connection:
    source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    source.execute("pragma busy_timeout = 5000")
    return source


def _tell_of(missing: Copied, stale: Copied, tell: Tell) -> None:
    if missing.changed or stale.changed:
        tell(f"  {missing.table}: {missing.rows} rows, {missing.changed} written, {stale.changed} outdated")


async def _wait_alone(presence: Presence, patience: float, tell: Tell) -> None:
    waited = 0.0
    while not presence.enter_alone():
        if waited == 0.0:
            tell("Nearly everything is there. Stop the server and its workers now; the rest follows at once.")
        if waited >= patience:
            raise MigrationError(
                f"somebody still uses the database after {patience:g} seconds. What was copied stays: "
                "stop the server, and give the same command again"
            )
        await asyncio.sleep(_PAUSE)
        waited += _PAUSE


async def _verify(path: Path, target: asyncpg.Connection, tables: Sequence[Table]) -> Moved:
    """A digest of every table on both sides. Raises MigrationError for the first that differs."""
    source = _open_source(path)
    try:
        found = []
        async with target.transaction(isolation="repeatable_read", readonly=True):
            for table in tables:
                shape = declared_shape(table)
                here, there = digest_sqlite(source, shape), await digest_postgresql(target, shape)
                if here != there:
                    raise MigrationError(
                        f"{shape.table} differs: {here.rows} rows ({here.digest}) here, "
                        f"{there.rows} rows ({there.digest}) there. The file stays in use; please report this"
                    )
                found.append(there)
        return Moved(found)
    finally:
        source.close()


async def _end(target: asyncpg.Connection, foreign_keys: Sequence[ForeignKey], path: Path, url: str) -> None:
    """Put the foreign keys back, which checks every row, mark the file as moved, and let servers in.

    Cut off between mark and commit, no server starts on either side, and the same command goes on.
    """
    async with target.transaction():
        for each in foreign_keys:
            await target.execute(f'alter table {each.of} add constraint "{each.name}" {each.definition}')
        await target.execute(f"drop table {MOVE_STATE}")
        mark_moved(path, url)
    await target.execute("analyze")
