"""Migrations on both databases: what is run, what is kept when it fails, and who waits for whom."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table
from structlog.testing import capture_logs

from septet.core.columns import Text
from septet.core.floor import FLOOR
from septet.engines.database import migrate_postgresql, sqlite_path
from septet.engines.database.migrations import BACKUPS, BASE, Step, current, migrate_down, migrate_up, prepare_database
from septet.engines.database.migrations import status as status_of
from septet.engines.database.revisions import MigrationError
from septet.engines.database.scratch import faults_of_tables
from septet.engines.database.turns import Turn
from septet.settings import Settings
from septet.systems import load_cards
from support.databases import new_postgresql_database
from support.postgres import PostgresServer
from support.revisions import Shop, ask

SYSTEMS = [FLOOR, *load_cards(())]
ITEMS = 'op.create_table("shop_item", Column("id", Integer, primary_key=True), Column("name", String, nullable=False))'
DROP_ITEMS = 'op.drop_table("shop_item")'
PRICES = 'op.add_column("shop_item", Column("price", Integer))'
DROP_PRICES = 'op.drop_column("shop_item", "price")'
START = """
import asyncio, sys
from pathlib import Path
from septet.core.system import System
from septet.engines.database.migrations import prepare_database
url, folder = sys.argv[1], Path(sys.argv[2])
shop = System(name="shop", summary="Sells.", modules=(), migrations=folder / "migrations")
asyncio.run(prepare_database(url, [shop], folder))
print("alembic" in sys.modules, "sqlalchemy.ext.asyncio" in sys.modules)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        yield url


def start(url: str, shop: Shop) -> subprocess.Popen[str]:
    """A process that prepares the database as `serve` does."""
    command = [sys.executable, "-c", START, url, str(shop.folder.parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def up(url: str, shop: Shop, **options: str) -> list[str]:
    done = asyncio.run(migrate_up(url, [shop.system], **options))
    return [step.revision for step in done.steps]


def version(url: str, shop: Shop) -> str | None:
    return asyncio.run(current(url, [shop.system]))["shop"]


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def file_of(url: str) -> Path:
    return sqlite_path(url, Settings())


# Where revisions arrive.


def test_the_revisions_of_every_system_arrive_at_its_tables_and_go_back(database_url: str) -> None:
    assert asyncio.run(faults_of_tables(database_url, SYSTEMS)) == []
    assert set(asyncio.run(current(database_url, SYSTEMS)).values()) == {None}


def test_tables_that_differ_from_the_declared_ones_are_told(database_url: str, tmp_path: Path) -> None:
    declared = MetaData()
    Table(
        "shop_item",
        declared,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("price", Integer),
        CheckConstraint("price > 0", name="shop_item_price"),
        Index("shop_item_name", "name"),
    )
    shop = Shop(tmp_path, declared)
    shop.revise(ITEMS.replace("nullable=False)", "nullable=False), if_not_exists=True"), "pass")
    faults = asyncio.run(faults_of_tables(database_url, [shop.system]))
    for told in ("price", "shop_item_price", "shop_item_name", "downgrade() leaves shop_item"):
        assert any(told in fault for fault in faults), told
    assert any("collation" in fault for fault in faults) is not is_sqlite(database_url)


def test_a_database_that_is_not_empty_is_not_tried_in(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    up(database_url, shop)
    with pytest.raises(MigrationError, match="empty"):
        asyncio.run(faults_of_tables(database_url, [shop.system]))
    assert version(database_url, shop) == "0001"


def test_up_and_down_stop_where_they_are_told(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    shop.revise(PRICES, DROP_PRICES)
    assert up(database_url, shop, to="0001") == ["0001"]
    assert up(database_url, shop) == ["0002"]
    assert up(database_url, shop) == []
    done = asyncio.run(migrate_down(database_url, [shop.system], to="0001"))
    assert done.steps == [Step("shop", "0002", False)]
    assert version(database_url, shop) == "0001"
    asyncio.run(migrate_down(database_url, [shop.system], to=BASE))
    assert version(database_url, shop) is None
    with pytest.raises(MigrationError, match="no revision 0009"):
        up(database_url, shop, to="0009")


# What stands after a failure.


def test_a_revision_that_fails_leaves_nothing_and_those_before_it_stand(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    shop.revise(f"{PRICES}\nop.execute(\"insert into shop_item (id, name) values (1, 'a')\")\nraise RuntimeError('no')")
    with pytest.raises(MigrationError, match=r"shop 0002 up failed.*no"):
        up(database_url, shop)
    assert version(database_url, shop) == "0001"
    assert ask(database_url, "select id, name from shop_item") == []
    with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedColumnError), match="price"):
        ask(database_url, "select price from shop_item")


def test_a_process_killed_within_a_revision_leaves_nothing_of_it(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    shop.revise('op.create_table("shop_order", Column("id", Integer))\nimport os\nos.kill(os.getpid(), 9)', "pass")
    killed = start(database_url, shop)
    killed.communicate(timeout=30)
    assert killed.returncode == -signal.SIGKILL
    assert version(database_url, shop) == "0001"
    second = shop.folder / "0002_change.py"
    second.write_text(second.read_text().replace("os.kill(os.getpid(), 9)", "pass"))
    assert up(database_url, shop) == ["0002"]


def test_rebuilding_a_table_keeps_the_rows_that_point_to_it_and_its_checks(database_url: str, shop: Shop) -> None:
    shop.revise(
        """
        op.create_table(
            "shop_item",
            Column("id", Integer, primary_key=True),
            Column("price", Integer),
            CheckConstraint("price > 0", name="shop_item_price"),
        )
        op.create_table("shop_line", Column("item", Integer, ForeignKey("shop_item.id", ondelete="CASCADE")))
        """
    )
    shop.revise('with op.batch_alter_table("shop_item") as batch:\n    batch.alter_column("price", nullable=False)')
    up(database_url, shop, to="0001")
    ask(database_url, "insert into shop_item values (1, 5)", "insert into shop_line values (1)")
    up(database_url, shop)
    assert ask(database_url, "select item from shop_line") == [(1,)]
    with pytest.raises((sqlite3.IntegrityError, asyncpg.CheckViolationError), match="shop_item_price"):
        ask(database_url, "insert into shop_item values (2, 0)")
    assert ask(database_url, "delete from shop_item", "select item from shop_line") == []


def test_rows_are_never_left_pointing_to_nothing(database_url: str, shop: Shop) -> None:
    shop.revise(
        """
        op.create_table("shop_item", Column("id", Integer, primary_key=True))
        op.create_table("shop_line", Column("item", Integer, ForeignKey("shop_item.id"), nullable=False))
        op.execute("insert into shop_item values (1)")
        op.execute("insert into shop_line values (1)")
        """
    )
    shop.revise('op.execute("delete from shop_item")')
    with pytest.raises(MigrationError, match="shop_line"):
        up(database_url, shop)
    assert ask(database_url, "select id from shop_item") == [(1,)]


# What a start does.


def test_a_start_with_nothing_to_do_does_not_load_alembic(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    up(database_url, shop)
    output, errors = start(database_url, shop).communicate(timeout=30)
    assert (output.split(), errors) == (["False", "False"], "")


async def test_an_empty_database_is_migrated_without_a_backup(database_url: str, shop: Shop, tmp_path: Path) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    await prepare_database(database_url, [shop.system], tmp_path)
    assert await current(database_url, [shop.system]) == {"shop": "0001"}
    assert not (tmp_path / BACKUPS).exists()


def test_a_file_that_is_behind_is_backed_up_and_migrated(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    shop.revise(ITEMS, DROP_ITEMS)
    up(url, shop)
    ask(url, "insert into shop_item values (1, 'lamp')")
    shop.revise(PRICES, DROP_PRICES)
    with capture_logs() as told:
        asyncio.run(prepare_database(url, [shop.system], tmp_path))
    assert version(url, shop) == "0002"
    (copy,) = (tmp_path / BACKUPS).iterdir()
    assert "shop.0001" in copy.name
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert ask(f"sqlite:///{copy}", "select * from shop_item") == [(1, "lamp")]
    assert version(f"sqlite:///{copy}", shop) == "0001"
    assert [line["event"] for line in told] == ["backed the database up before migrating it", "migrated"]


def test_the_newest_backups_are_kept(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    shop.revise(ITEMS, DROP_ITEMS)
    up(url, shop)
    made = []
    for _ in range(7):
        shop.revise("pass")
        done = asyncio.run(migrate_up(url, [shop.system], backups=tmp_path / BACKUPS))
        made.append(done.backup)
    assert sorted((tmp_path / BACKUPS).iterdir()) == made[-5:]


def test_a_file_that_cannot_be_backed_up_is_not_migrated(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    shop.revise(ITEMS, DROP_ITEMS)
    up(url, shop)
    shop.revise(PRICES, DROP_PRICES)
    (tmp_path / BACKUPS).write_text("in the way")
    with pytest.raises(MigrationError, match="could not be backed up"):
        asyncio.run(prepare_database(url, [shop.system], tmp_path))
    assert version(url, shop) == "0001"


def test_a_server_database_that_is_behind_is_refused_with_the_command(
    postgresql_url: str, shop: Shop, tmp_path: Path
) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    up(postgresql_url, shop)
    shop.revise(PRICES, DROP_PRICES)
    with pytest.raises(MigrationError, match=r"behind this release \(shop\): run `septet migrate up`"):
        asyncio.run(prepare_database(postgresql_url, [shop.system], tmp_path))
    assert version(postgresql_url, shop) == "0001"


def test_the_previous_release_runs_on_the_tables_of_the_next(database_url: str, shop: Shop, tmp_path: Path) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    shop.revise(PRICES, DROP_PRICES)
    up(database_url, shop)
    (shop.folder / "0002_change.py").unlink()
    with capture_logs() as told:
        asyncio.run(prepare_database(database_url, [shop.system], tmp_path))
    assert [(line["event"], line["revision"]) for line in told] == [("the database is newer than this release", "0002")]
    assert up(database_url, shop) == []
    with pytest.raises(MigrationError, match="only the release that has it"):
        asyncio.run(migrate_down(database_url, [shop.system], to=BASE))


def test_a_version_of_nobody_is_refused(database_url: str, shop: Shop) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    up(database_url, shop)
    ask(database_url, "update shop_version set version_num = '0000'")
    with pytest.raises(MigrationError, match="0000"):
        asyncio.run(status_of(database_url, [shop.system]))


def test_a_file_that_is_no_database_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    (tmp_path / "test.db").write_text("This is not a database, and it is long enough to be seen as such. " * 20)
    with pytest.raises(MigrationError, match="cannot be read"):
        asyncio.run(status_of(f"sqlite:///{tmp_path / 'test.db'}", [shop.system]))


@pytest.mark.parametrize(
    "url", ["postgresql://someone:secret@127.0.0.1:1/septet", "postgresql://127.0.0.1:port/septet"]
)
def test_a_server_that_cannot_be_reached_is_told(shop: Shop, url: str) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    with pytest.raises(MigrationError, match="PostgreSQL cannot be reached") as told:
        asyncio.run(status_of(url, [shop.system]))
    assert "secret" not in str(told.value)


# Who waits for whom.


def test_of_processes_that_start_at_once_one_migrates(database_url: str, shop: Shop) -> None:
    shop.revise(f"{ITEMS}\nimport time\ntime.sleep(0.2)\nop.execute(\"insert into shop_item values (1, 'once')\")")
    shop.revise(PRICES, DROP_PRICES)
    started = [start(database_url, shop) for _ in range(3)]
    results = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], results
    assert sum(output.split()[-2] == "True" for output, _ in results) >= 1
    assert ask(database_url, "select * from shop_item") == [(1, "once", None)]


async def test_a_migration_waits_for_its_turn_at_the_file(shop: Shop, tmp_path: Path) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    path = tmp_path / "test.db"
    turn = Turn(path)  # as a write lane of another process has it
    assert turn.take(wait=False)
    migrating = asyncio.create_task(migrate_up(f"sqlite:///{path}", [shop.system]))
    assert await asyncio.wait([migrating], timeout=0.2) == (set(), {migrating})
    turn.give()
    assert (await migrating).steps == [Step("shop", "0001", True)]
    turn.close()


def test_an_index_is_built_outside_transactions(database_url: str, shop: Shop) -> None:
    """Three start at once: those that wait must not hold what the building of the index waits for."""
    shop.revise(ITEMS, DROP_ITEMS)
    up(database_url, shop)
    shop.revise(
        """
        with op.get_context().autocommit_block():
            op.drop_index("shop_item_name", "shop_item", if_exists=True, postgresql_concurrently=True)
            op.create_index("shop_item_name", "shop_item", ["name"], postgresql_concurrently=True)
        """
    )

    async def three() -> list[list[Step]]:
        done = await asyncio.gather(*(migrate_up(database_url, [shop.system]) for _ in range(3)))
        return [one.steps for one in done if one.steps]

    assert asyncio.run(asyncio.wait_for(three(), 20)) == [[Step("shop", "0002", True)]]
    assert version(database_url, shop) == "0002"
    names = "select name from sqlite_master" if is_sqlite(database_url) else "select indexname from pg_indexes"
    assert ("shop_item_name",) in ask(database_url, names)


async def migrate_while_read(url: str, shop: Shop, pauses: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A long transaction reads the table until the migration was turned away twice, or for good."""
    monkeypatch.setattr(migrate_postgresql, "_LOCK_WAIT", 0.05)
    monkeypatch.setattr(migrate_postgresql, "_PAUSES", pauses)
    reader = await asyncpg.connect(url)
    await reader.execute("begin; select * from shop_item")
    migrating = asyncio.create_task(migrate_up(url, [shop.system]))
    try:
        await asyncio.wait([migrating], timeout=0.4)
        other = await asyncpg.connect(url)
        await asyncio.wait_for(other.execute("insert into shop_item (id, name) values (1, 'a')"), 0.5)
        await other.close()
    finally:
        await reader.close()
    await migrating


async def test_a_migration_lets_others_pass_while_a_table_is_in_use(
    postgresql_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    await migrate_up(postgresql_url, [shop.system])
    shop.revise(PRICES, DROP_PRICES)
    with capture_logs() as told:
        await migrate_while_read(postgresql_url, shop, (0.05,) * 100, monkeypatch)
    assert {line["event"] for line in told} == {"a table is in use, will try again"}
    assert await current(postgresql_url, [shop.system]) == {"shop": "0002"}


async def test_a_migration_gives_up_when_a_table_stays_in_use(
    postgresql_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.revise(ITEMS, DROP_ITEMS)
    await migrate_up(postgresql_url, [shop.system])
    shop.revise(PRICES, DROP_PRICES)
    with pytest.raises(MigrationError, match="could not be locked"):
        await migrate_while_read(postgresql_url, shop, (), monkeypatch)
    assert await current(postgresql_url, [shop.system]) == {"shop": "0001"}
