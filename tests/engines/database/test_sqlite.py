"""SQLite's file: how it is made and opened, what its readers hold, when its log is cut."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Integer, literal, select

from septet.core.database import Database, Transaction, one
from septet.core.errors import Unavailable
from septet.engines.database import open_database, sqlite_path, write_lane
from septet.settings import Settings, WrongSettingError
from support import things
from support.databases import new_sqlite_database, opened
from support.sql import create_tables, execute
from support.things import thing


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    return url


async def add(database: Database, name: str, **values: Any) -> None:
    await database.write(lambda tx: tx.run(things.add_thing, **thing(name, **values)))


async def count(tx: Transaction) -> int:
    return (await tx.one(things.count_things)).total


def test_the_url_names_the_file() -> None:
    settings = Settings(data_dir=Path("somewhere"))
    assert sqlite_path("", settings) == Path("somewhere/septet.db")
    assert sqlite_path("sqlite:///relative.db", settings) == Path("relative.db")
    assert sqlite_path("sqlite:////absolute/a%20b.db", settings) == Path("/absolute/a b.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://localhost/x", "/a/path"])
def test_other_urls_are_refused_by_the_name_of_the_setting(url: str) -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_DATABASE_URL"):
        open_database(url, Settings())


async def test_nothing_is_touched_before_start(tmp_path: Path) -> None:
    open_database(new_sqlite_database(tmp_path), Settings())
    assert list(tmp_path.iterdir()) == []


async def test_files_and_folder_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    before = os.umask(0)
    try:
        async with opened(new_sqlite_database(folder)) as database:
            await database.write(_touch)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes) >= {"test.db", "test.db-wal", "test.db.turn", "test.db.gate"}
    assert set(modes.values()) == {0o600}


async def _touch(tx: Transaction) -> None:
    cast(Any, tx)._connection.raw.execute("CREATE TABLE touched (x)")


async def test_pragmas(url: str) -> None:
    async with opened(url) as database:
        writing, reading = cast(Any, database)._lane._connection.raw, cast(Any, database)._reader._connection.raw
        expected = {
            "busy_timeout": 0,
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "temp_store": 2,
            "cache_size": -16000,
            "mmap_size": 0,
            "wal_autocheckpoint": 4000,
            "journal_size_limit": 64 * 1024 * 1024,
            "query_only": 0,
        }
        for connection, others in ((writing, {}), (reading, {"query_only": 1, "wal_autocheckpoint": 0})):
            for pragma, value in (expected | others).items():
                assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,), pragma


async def test_closing_moves_the_log_into_the_file(url: str) -> None:
    async with opened(url) as database:
        await add(database, "a")
    assert not sqlite_path(f"{url}-wal", Settings()).exists()
    assert execute(url, "SELECT name FROM thing") == [("a",)]


async def test_a_plain_read_holds_no_snapshot(url: str) -> None:
    """Else it would keep the log from being cut, and would read old rows."""
    async with opened(url) as database:
        await add(database, "a")
        await database.read(lambda tx: tx.maybe(things.find_thing, id=things.new_id()))
        await database.read(lambda tx: tx.one(things.count_things))
        assert not cast(Any, database)._reader._connection.raw.in_transaction
        await database.write(_checkpoint_everything)


async def _checkpoint_everything(tx: Transaction) -> None:
    """TRUNCATE succeeds only if no reader is in the log."""
    raw = cast(Any, tx)._connection.raw
    raw.execute("COMMIT")
    assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    raw.execute("BEGIN")
    raw.execute("SAVEPOINT operation")


async def test_a_snapshot_ends_at_its_deadline(url: str) -> None:
    async def dawdles(tx: Transaction) -> int:
        await count(tx)
        await asyncio.sleep(0.2)
        return await count(tx)

    async with opened(url, database_timeout=0.1) as database:
        with pytest.raises(Unavailable, match="too long"):
            await database.read(dawdles, snapshot=True)
        assert await database.read(count, snapshot=True) == 0


async def test_snapshots_are_bounded_and_their_connections_are_used_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("septet.engines.database.sqlite._MOST_SNAPSHOTS", 6)
    async with opened(url) as database:
        go = asyncio.Event()

        async def holds(tx: Transaction) -> int:
            await go.wait()
            return await count(tx)

        held = [asyncio.create_task(database.read(holds, snapshot=True)) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="at once"):
            await database.read(count, snapshot=True)
        go.set()
        assert await asyncio.gather(*held) == [0] * 6
        assert len(cast(Any, database)._readers) == 1 + 4
        assert await database.read(count, snapshot=True) == 0


async def test_a_read_without_end_is_ended(url: str) -> None:
    numbers = select(literal(1, Integer).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1))
    endless = one(select(numbers.c.n.label("total")).where(numbers.c.n < 0), into=things.Total)
    async with opened(url, database_timeout=0.1) as database:
        with pytest.raises(Unavailable, match="too long"):
            await database.read(lambda tx: tx.one(endless))
        assert await database.read(count) == 0


async def test_a_long_log_is_restarted_once_no_reader_is_in_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 200_000
    monkeypatch.setattr(write_lane, "WAL_LIMIT", limit)
    monkeypatch.setattr(write_lane, "_WAL_STEP", 50_000)
    log = Path(f"{sqlite_path(url, Settings())}-wal")
    async with opened(url) as database:
        cast(Any, database)._lane._connection.raw.execute("PRAGMA wal_autocheckpoint = 0")
        go = asyncio.Event()

        async def holds(tx: Transaction) -> int:
            before = await count(tx)
            await go.wait()
            return await count(tx) - before

        held = asyncio.create_task(database.read(holds, snapshot=True))
        for n in range(20):
            await add(database, f"held {n}", blob=b"x" * 20_000)
        grown = log.stat().st_size
        assert grown > limit
        go.set()
        assert await held == 0
        for n in range(100):
            await add(database, f"free {n}", blob=b"x" * 20_000)
        assert log.stat().st_size < grown + 100_000
        assert await database.read(count) == 120
