"""The end of a move: whatever happens at which moment, no server goes on with a file that was left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Column, ForeignKey, MetaData, Table

from septet.core.columns import Id, Text
from septet.core.errors import Unavailable
from septet.core.floor import FLOOR
from septet.core.system import System
from septet.engines.database import move as moving
from septet.engines.database import open_database
from septet.engines.database.migrations import BASE, migrate_down, migrate_up, status
from septet.engines.database.moved import mark_moved, moved_mark
from septet.engines.database.presence import Presence
from septet.engines.database.revisions import MigrationError
from septet.settings import Settings
from support.databases import new_postgresql_database
from support.postgres import PostgresServer
from support.revisions import Shop
from support.sql import execute

SYSTEMS: Sequence[System] = [FLOOR]
ITEM, LINE = ("shop_item", "shop_line")
FIRST = """
op.create_table("shop_item", Column("id", Id, primary_key=True), Column("name", Text, nullable=False))
op.create_table("shop_former", Column("id", Id, ForeignKey("shop_item.id"), primary_key=True))
"""
SECOND = """
op.add_column("shop_item", Column("note", Text, nullable=False, server_default=""))
item_id = Column("item_id", Id, ForeignKey("shop_item.id"), nullable=False)
op.create_table("shop_line", Column("id", Id, primary_key=True), item_id)
op.create_index("ix_shop_line_item_id", "shop_line", ["item_id"])
"""


@pytest.fixture
def target(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        yield url


async def move(path: Path, target: str) -> moving.Moved:
    return await moving.move(path, target, SYSTEMS, lambda line: None, patience=0.1)


async def test_cut_off_when_the_file_is_marked_the_same_move_goes_on(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "septet.db"
    await migrate_up(f"sqlite:///{path}", SYSTEMS)

    def killed(path: Path, url: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "mark_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            await move(path, target)
    with pytest.raises(MigrationError, match="is not finished"):
        await status(target, SYSTEMS)
    await move(path, target)
    assert moved_mark(path).exists()
    assert not any(found.missing for found in await status(target, SYSTEMS))


def shop(folder: Path, *, later: bool) -> System:
    """The system `shop` of one release, or of the next: with another column, and lines that belong to items."""
    metadata = MetaData()
    note = [Column("note", Text, nullable=False, server_default="")] if later else []
    Table(ITEM, metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False), *note)
    if later:
        belongs = Column("item_id", Id, ForeignKey(f"{ITEM}.id"), nullable=False, index=True)
        Table(LINE, metadata, Column("id", Id, primary_key=True), belongs)
    made = Shop(folder, metadata)
    for revision in (FIRST, SECOND) if later else (FIRST,):
        made.revise(revision)
    return made.system


async def test_one_that_an_earlier_release_began_is_begun_anew(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url = tmp_path / "septet.db", f"sqlite:///{tmp_path / 'septet.db'}"
    earlier, later = [FLOOR, shop(tmp_path / "1", later=False)], [FLOOR, shop(tmp_path / "2", later=True)]
    await migrate_up(url, earlier)
    execute(url, "insert into shop_item values (randomblob(16), 'bread'), (randomblob(16), 'salt')")

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_verify", killed)
        with pytest.raises(KeyboardInterrupt):
            await moving.move(path, target, earlier, lambda line: None, patience=0.1)
    assert (await asyncio.to_thread(execute, target, "select count(*) from shop_item")) == [(2,)]
    execute(url, "update shop_item set name = 'rye bread' where name = 'bread'")
    await migrate_up(url, later)
    execute(url, "insert into shop_line select randomblob(16), id from shop_item")
    said: list[str] = []
    moved = await moving.move(path, target, later, said.append, patience=0.1)
    assert "An earlier release began this move" in said[0]
    assert {table.table: table.rows for table in moved.tables}[LINE] == 2
    names = "select name, note from shop_item join shop_line on shop_item.id = item_id order by 1"
    assert await asyncio.to_thread(execute, target, names) == [("rye bread", ""), ("salt", "")]
    assert not any(found.missing for found in await status(target, later))
    keys = "select count(*) from pg_constraint where contype = 'f' and conrelid = 'shop_line'::regclass"
    assert await asyncio.to_thread(execute, target, keys) == [(1,)]


async def test_one_that_a_later_release_began_is_left_to_it(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url = tmp_path / "septet.db", f"sqlite:///{tmp_path / 'septet.db'}"
    earlier, later = [FLOOR, shop(tmp_path / "1", later=False)], [FLOOR, shop(tmp_path / "2", later=True)]
    await migrate_up(url, later)

    def killed(path: Path, url: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "mark_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            await moving.move(path, target, later, lambda line: None, patience=0.1)
    other = tmp_path / "back"
    other.mkdir()
    await migrate_up(f"sqlite:///{other / 'septet.db'}", earlier)
    (other / "septet.db").replace(path)
    with pytest.raises(MigrationError, match="a later release began this move"):
        await moving.move(path, target, earlier, lambda line: None, patience=0.1)


async def test_a_file_that_was_moved_is_not_moved_or_migrated_again(tmp_path: Path, target: str) -> None:
    path = tmp_path / "septet.db"
    await migrate_up(f"sqlite:///{path}", SYSTEMS)
    mark_moved(path, "postgresql://ann:secret@db/septet")
    with pytest.raises(MigrationError, match="was moved to db/septet already"):
        await move(path, target)
    assert await asyncio.to_thread(execute, target, "select to_regclass('core_task')") == [(None,)]
    for change in (migrate_up(f"sqlite:///{path}", SYSTEMS), migrate_down(f"sqlite:///{path}", SYSTEMS, to=BASE)):
        with pytest.raises(MigrationError, match="was moved to db/septet: set SEPTET_DATABASE_URL"):
            await change


async def test_a_path_that_looks_like_a_quoted_one(tmp_path: Path, target: str) -> None:
    path = tmp_path / "100%25.db"
    await migrate_up(f"sqlite:///{tmp_path}/100%2525.db", SYSTEMS)
    assert path.exists()
    await move(path, target)
    assert moved_mark(path).exists()


@pytest.mark.parametrize(
    "url", ["postgresql://ann:secret@db/septet", "postgresql://db/septet?user=ann&password=secret"]
)
def test_the_mark_names_the_target_and_no_password(tmp_path: Path, url: str) -> None:
    path = tmp_path / "septet.db"
    mark_moved(path, url)
    assert "db/septet" in moved_mark(path).read_text()
    assert "secret" not in moved_mark(path).read_text()


async def test_a_server_that_waited_for_the_end_of_a_move_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "septet.db"
    mover = Presence(path)
    assert mover.enter_alone()

    async def start() -> None:
        database = open_database(f"sqlite:///{path}", Settings())
        try:
            await database.start()
        finally:
            await database.close()

    starting = asyncio.create_task(start())
    await asyncio.sleep(0.1)
    mark_moved(path, "postgresql://db/septet")
    mover.close()
    with pytest.raises(Unavailable, match="was moved to postgresql://db/septet"):
        await starting
    assert Presence(path).enter_alone()  # and has let go of the file
