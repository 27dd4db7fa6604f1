"""Copying a SQLite file while it is written, checking a copy, and putting one in the place of the file.

The copy is of one moment, whatever is written meanwhile: it is read within one transaction, which in WAL mode makes no
writer wait; only the log grows until it is done. A copy in steps without that transaction would begin anew with every
write of another connection. Our connection never moves the log into the file but when it is the last to leave, and it
leaves in turn, as the write lanes do: two who restart the log at once can corrupt the file (SQLite 3.7.0 to 3.51.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from septet.core.system import System
from septet.engines.database.archive import to_disk
from septet.engines.database.digest import Shape, digest_sqlite
from septet.engines.database.manifest import (
    ArchiveError,
    Content,
    found_shapes,
    kept,
    missing_tables,
    other_rows,
    version_tables,
)
from septet.engines.database.moved import moved_mark, moved_to
from septet.engines.database.presence import Presence
from septet.engines.database.sqlite_connection import is_locked
from septet.engines.database.turns import Turn

_PAGES_A_STEP = 4096
_PATIENCE = 30.0  # seconds that we wait for a stranger that locks the file
_COLUMNS = """
    select tables.name, columns.name from sqlite_master as tables, pragma_table_info(tables.name) as columns
    where tables.type = 'table' and tables.name not like 'sqlite\\_%' escape '\\'
"""
IN_USE = "is in use: stop Septet and every other program that has it open, then try again"


def copy_file(file: Path, target: Path, leave: contextlib.AbstractContextManager[object] | None = None) -> None:
    """Copy `file` as it is at one moment into `target`, and check the copy. The source is closed within `leave`."""
    source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None)
    try:
        source.execute("begin")
        source.execute("select count(*) from sqlite_master").fetchone()  # the moment
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=_PAGES_A_STEP)
            copy.execute("pragma journal_mode = delete")  # one file, complete in itself
            _raise_if_damaged(copy, "quick_check")
        source.execute("rollback")
    finally:
        with leave or contextlib.nullcontext():
            source.close()


async def copy_live(file: Path, target: Path, systems: Sequence[System], *, moved: bool = False) -> Content:
    """Copy a file that servers may be writing, and tell what is in the copy.

    Raises ArchiveError, also for a file that was moved, unless `moved` says that its former state is wanted.
    """
    if not await asyncio.to_thread(file.exists):
        raise ArchiveError(f"there is no database yet: {file} is made at the first start")
    if not moved and (where := await asyncio.to_thread(moved_to, file)) is not None:
        raise ArchiveError(
            f"{file} was moved to {where}: set SEPTET_DATABASE_URL to back up what is in use, or give --anyway for the "
            "file as it was then"
        )
    presence = Presence(file)
    await presence.enter()
    try:
        copy_file(file, target, _in_turn(file))
        to_disk(target)
        with opened_copy(target) as copy:
            shapes = shapes_in(copy, systems)
            tables = [kept(shape, digest_sqlite(copy, shape)) for shape in shapes]
            return Content(sqlite3.sqlite_version, _revisions(copy, shapes), tables)
    except (sqlite3.Error, OSError) as error:
        raise ArchiveError(f"{file} could not be copied: {error}") from error
    finally:
        presence.close()


def faults_of_copy(file: Path, content: Content) -> Iterator[str]:
    """What is wrong with a copy: SQLite's own checks, then every table and row against what the manifest says."""
    try:
        with opened_copy(file) as copy:
            _raise_if_damaged(copy, "integrity_check")
            dangling = {f"{table} to {parent}" for table, _, parent, _ in copy.execute("pragma foreign_key_check")}
            yield from (f"rows point to rows that are not there: {place}" for place in sorted(dangling))
            different = missing_tables(content.tables, shapes_in(copy, ()))
            yield from different
            for table in content.tables if not different else ():
                yield from other_rows(table, digest_sqlite(copy, table.shape))
    except (sqlite3.Error, ValueError) as error:  # a ValueError is of JSON that is none
        yield f"the database cannot be read: {error}"


@contextlib.contextmanager
def alone_with(file: Path) -> Iterator[None]:
    """Keep every process of Septet out of the file. Raises ArchiveError if one uses it."""
    presence = Presence(file)
    try:
        if not presence.enter_alone():
            raise ArchiveError(f"{file} {IN_USE}")
        yield
    finally:
        presence.close()


def put_in_place(copy: Path, file: Path, aside: Path) -> None:
    """Put `copy` in the place of `file`, and keep what was there as `aside`. Whoever calls is alone with the file.

    `copy` is on the same file system and complete in itself. Killed at any moment, this leaves either the old database
    or the new: the old one is first made complete in itself too, so that its log can never be met by the new one.
    """
    with _in_turn(file):
        if file.exists() and file.stat().st_size:
            _merge_log(file, aside)
            _second_name(file, aside)
            to_disk(file.parent)
        copy.rename(file)
        if (mark := moved_mark(file)).exists():  # it tells of the former file, and would keep servers from this one
            mark.rename(moved_mark(aside))
        to_disk(file.parent)


@contextlib.contextmanager
def opened_copy(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that nobody writes, and that may have been forged."""
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("pragma trusted_schema = off")
        connection.execute("pragma cell_size_check = on")
        yield connection


def shapes_in(connection: sqlite3.Connection, systems: Sequence[System]) -> list[Shape]:
    return found_shapes(connection.execute(_COLUMNS), systems)


def _revisions(connection: sqlite3.Connection, shapes: Sequence[Shape]) -> dict[str, str]:
    found = {}
    for system, table in version_tables(shapes).items():
        row = connection.execute(f"select version_num from {table}").fetchone()  # noqa: S608 - matched [a-z0-9_]
        if row is not None:
            found[system] = row[0]
    return found


def _raise_if_damaged(connection: sqlite3.Connection, check: str) -> None:
    faults = [row[0] for row in connection.execute(f"pragma {check}")]
    if faults != ["ok"]:
        raise sqlite3.DatabaseError(f"the copy is damaged: {faults[0]}")


@contextlib.contextmanager
def _in_turn(file: Path) -> Iterator[None]:
    turn = Turn(file)
    turn.take(wait=True)
    try:
        yield
    finally:
        turn.close()


def _merge_log(file: Path, aside: Path) -> None:
    """Move the log into the file and remove it, which SQLite does only for one who is alone with both.

    A file that is too damaged for that is taken as it is, and its log, which belongs to nothing else, goes aside too.
    """
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=0.0, isolation_level=None)) as connection:
            mode = connection.execute("pragma journal_mode = delete").fetchone()[0]
            if mode != "delete":
                raise ArchiveError(f"{file} {IN_USE}")
    except sqlite3.DatabaseError as error:
        if is_locked(error):
            raise ArchiveError(f"{file} {IN_USE}") from error
    log, shared = Path(f"{file}-wal"), Path(f"{file}-shm")
    if log.exists():
        _second_name(log, Path(f"{aside}-wal"))
        to_disk(file.parent)
        log.unlink()
    shared.unlink(missing_ok=True)


def _second_name(file: Path, other: Path) -> None:
    """The same file under another name as well; a copy where the file system has no second names."""
    try:
        os.link(file, other)
    except OSError:
        os.close(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # before rows are in it
        shutil.copyfile(file, other)
        to_disk(other)
