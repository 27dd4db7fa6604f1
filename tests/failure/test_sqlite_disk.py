"""A full disk and a failing one, under SQLite: 503, nothing half done, readers go on, and it recovers when it can."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from septet.core.database import Database, Transaction
from septet.core.errors import Unavailable
from septet.engines.database import sqlite_path
from septet.settings import Settings
from support import things
from support.databases import new_sqlite_database, opened
from support.disks import small_disk_at
from support.sql import create_tables, execute
from support.things import thing

BLOB = os.urandom(50_000)


async def add(tx: Transaction, name: str) -> None:
    values = thing(name, blob=BLOB)
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=things.new_id(), thing_id=values["id"])


async def add_little(tx: Transaction) -> None:
    values = thing(str(things.new_id()))
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=things.new_id(), thing_id=values["id"])


async def names(database: Database) -> set[str]:
    return {row.name for row in await database.read(lambda tx: tx.all(things.list_names))}


async def write_until_it_fails(database: Database) -> set[str]:
    """Write in groups until one fails whole. Gives what was acknowledged."""
    stored: set[str] = set()
    for round in range(1000):
        group = [f"{round} {n}" for n in range(8)]
        results = await asyncio.gather(
            *(database.write(lambda tx, name=name: add(tx, name)) for name in group), return_exceptions=True
        )
        failed = [result for result in results if result is not None]
        if failed:
            assert {type(result) for result in failed} == {Unavailable}
            stored |= {name for name, result in zip(group, results, strict=True) if result is None}
            return stored
        stored |= set(group)
    raise AssertionError("it never failed")


async def fail_and_recover(url: str, database: Database, make_room: Any) -> None:
    stored = await write_until_it_fails(database)
    assert stored
    while await database.ready():  # there is room for a little
        await asyncio.gather(database.write(add_little), return_exceptions=True)
    assert stored <= await names(database)
    with pytest.raises(Unavailable):
        await database.write(lambda tx: add(tx, "still failing"))
    make_room()
    assert await database.ready()
    await database.write(lambda tx: add(tx, "recovered"))
    assert stored | {"recovered"} <= await names(database)


def assert_whole(url: str) -> None:
    assert execute(url, "PRAGMA integrity_check") == [("ok",)]
    assert execute(url, "SELECT count(*) FROM thing") == execute(url, "SELECT count(*) FROM part")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path, 8):
        yield tmp_path


async def test_a_full_disk(small_disk: Path) -> None:
    url = new_sqlite_database(small_disk)
    create_tables(url, things.metadata)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 * 1024 * 1024))
    async with opened(url) as database:
        await fail_and_recover(url, database, ballast.unlink)
    assert_whole(url)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let every write beyond `size` bytes of a file fail, as on a broken disk. Python ignores the signal of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_an_io_error_at_commit(tmp_path: Path) -> None:
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with opened(url) as database:
        with files_up_to(3 * 1024 * 1024):
            await fail_and_recover(url, database, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited))
    assert_whole(url)


async def test_an_io_error_then_a_crash(tmp_path: Path) -> None:
    """What failed may come back when the log is read again, but only whole; what was acknowledged does."""
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    path = sqlite_path(url, Settings())
    async with opened(url) as database:
        with files_up_to(3 * 1024 * 1024):
            stored = await write_until_it_fails(database)
        copy = tmp_path / "crashed"
        copy.mkdir()
        for file in (path, Path(f"{path}-wal")):  # as a crash would leave them: what is in memory is lost
            (copy / file.name).write_bytes(file.read_bytes())
    crashed = new_sqlite_database(copy)
    async with opened(crashed) as database:
        assert stored <= await names(database)
    assert_whole(crashed)


async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The error comes from a statement, and SQLite undoes the whole transaction."""
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    async with opened(url) as database:
        raw = cast(Any, database)._lane._connection.raw
        raw.execute("PRAGMA max_page_count = 300")
        stored = await write_until_it_fails(database)
        assert stored <= await names(database)
        raw.execute("PRAGMA max_page_count = 1000000")
        assert await database.ready()
        await database.write(lambda tx: add(tx, "recovered"))
    assert_whole(url)
