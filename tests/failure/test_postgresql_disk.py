"""A full disk under PostgreSQL: 503, nothing half done, and it recovers when there is room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from septet.core.database import Transaction
from septet.core.errors import Unavailable
from support import things
from support.databases import opened
from support.disks import small_disk_at
from support.postgres import PostgresServer
from support.sql import create_tables, execute
from support.things import thing

BLOB = os.urandom(50_000)
BALLAST = 4 * 1024 * 1024


@pytest.fixture
def small_disk(postgres_server: PostgresServer) -> Iterator[Path]:
    """A disk of 8 MB that the server may write to, half of it taken by the file `ballast`."""
    folder = postgres_server.folder / "small"
    folder.mkdir()
    with small_disk_at(folder, 8):
        (folder / "ballast").write_bytes(bytes(BALLAST))
        tables = folder / "tables"
        tables.mkdir()
        owner = postgres_server.folder.stat()
        for made in (folder, tables):
            os.chown(made, owner.st_uid, -1)
        yield folder
    shutil.rmtree(folder)


@pytest.fixture
def url(postgres_server: PostgresServer, small_disk: Path) -> Iterator[str]:
    """A database whose larger table is on the small disk; the log is not: PostgreSQL stops when that is full."""
    execute(postgres_server.url(), f"CREATE TABLESPACE small LOCATION '{small_disk / 'tables'}'")
    execute(postgres_server.url(), "CREATE DATABASE on_small_disk")
    url = postgres_server.url("on_small_disk")
    try:
        create_tables(url, things.metadata)
        execute(url, "ALTER TABLE thing SET TABLESPACE small")
        yield url
    finally:
        execute(postgres_server.url(), "DROP DATABASE on_small_disk WITH (FORCE)")
        execute(postgres_server.url(), "DROP TABLESPACE small")


async def add(tx: Transaction, name: str) -> None:
    values = thing(name, blob=BLOB)
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=things.new_id(), thing_id=values["id"])


async def test_a_full_disk(url: str, small_disk: Path) -> None:
    stored: set[str] = set()
    async with opened(url) as database:
        with pytest.raises(Unavailable):  # noqa: PT012 - which of them is the first to fail is the disk's affair
            for number in range(1000):
                await database.write(lambda tx, name=f"{number}": add(tx, name))  # type: ignore[misc]
                stored.add(f"{number}")
        assert stored
        assert {row.name for row in await database.read(lambda tx: tx.all(things.list_names))} == stored
        (small_disk / "ballast").unlink()
        await database.write(lambda tx: add(tx, "recovered"))
        assert await database.ready()
        names = {row.name for row in await database.read(lambda tx: tx.all(things.list_names))}
        assert names == stored | {"recovered"}
    assert execute(url, "SELECT count(*) FROM thing") == execute(url, "SELECT count(*) FROM part")
