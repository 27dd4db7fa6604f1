"""`septet reset`: all data goes, after asking; settings, backups and whatever is not Septet's stay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from septet.cli.main import cli
from septet.core.keys import Keyring
from septet.engines.database.moved import moved_mark
from septet.engines.database.revisions import MOVE_STATE
from septet.testing.databases import new_postgresql_database, opened
from support import things
from support.backups import Septet, fill, rows
from support.postgres import PostgresServer
from support.sql import create_tables, execute


@pytest.fixture
def septet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    """The command line on a SQLite database in the data folder, with three things, keys and a backup."""
    made = Septet(monkeypatch, f"sqlite:///{tmp_path / 'data' / 'septet.db'}", tmp_path / "data")
    made.done("migrate", "up", "core")
    create_tables(made.url, things.metadata)
    fill(made.url, 3)
    Keyring.open_file(made.folder / "keys")
    (made.folder / "mailbox" / "new").mkdir(parents=True)
    (made.folder / "mailbox" / "new" / "letter").write_text("Dear Ann")
    (made.folder / "notes-of-mine.txt").write_text("precious")
    (tmp_path / "septet.toml").write_text("port = 8001\n")
    made.done("backup")
    return made


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.stat().st_size}


def test_it_says_what_goes_and_how_big_it_is_and_asks(septet: Septet) -> None:
    before = names(septet.folder)
    result = CliRunner().invoke(cli, ["reset"], input="n\n")
    assert result.exit_code == 1
    assert f"{septet.folder / 'septet.db'}  {(septet.folder / 'septet.db').stat().st_size:,} bytes" in result.output
    assert f"{septet.folder / 'mailbox'}  " in result.output
    assert "nothing was deleted" in result.output
    assert names(septet.folder) == before
    assert rows(septet.url) == 3


def test_settings_backups_and_what_is_not_ours_stay(septet: Septet, tmp_path: Path) -> None:
    (archive,) = (septet.folder / "backups").glob("*.tar.gz")
    septet.done("restore", archive)  # which keeps a database aside
    septet.done("reset", "--yes")
    assert names(septet.folder) == {"backups", "notes-of-mine.txt"}
    assert (tmp_path / "septet.toml").exists()
    assert "nothing to delete" in septet.done("reset", "--yes")
    septet.done("restore", archive)
    assert rows(septet.url) == 3
    septet.done("reset", "--yes", "--backups")
    assert names(septet.folder) == {"notes-of-mine.txt"}
    septet.done("migrate", "up", "core")  # as on the first day


def test_it_is_refused_while_septet_runs(septet: Septet) -> None:
    async def running() -> None:
        async with opened(septet.url):
            complaint = await asyncio.to_thread(septet.refused, "reset", "--yes")
            assert "is in use" in complaint

    asyncio.run(running())
    assert rows(septet.url) == 3


def test_on_postgresql_it_wants_the_name_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    with new_postgresql_database(postgres_server) as url:
        septet = Septet(monkeypatch, url, tmp_path / "data")
        septet.done("migrate", "up", "core")
        create_tables(url, things.metadata)
        execute(url, "create table not_ours (id int)")
        execute(url, "create schema before_restore_x", "create table before_restore_x.thing (id int)")
        name = url.rpartition("?")[0].rpartition("/")[2]
        for words in ((), ("--database", "other")):
            result = septet("reset", "--yes", *words)
            assert (result.exit_code, f"--database {name}" in result.output) == (2, True)
        assert rows(url) == 0

        async def running() -> None:
            async with opened(url) as database:
                assert await database.ready()
                assert "in use" in await asyncio.to_thread(septet.refused, "reset", "--yes", "--database", name)

        asyncio.run(running())
        assert "not_ours" not in septet.done("reset", "--yes", "--database", name)
        left = execute(url, "select relname::text from pg_class where relkind = 'r' and relname !~ '^(pg_|sql_)'")
        assert execute(url, "select 1 from pg_namespace where nspname ~ '^before_restore_'") == []
        assert left == [("not_ours",)]


def test_a_database_that_was_moved_begins_anew(septet: Septet) -> None:
    moved_mark(septet.folder / "septet.db").write_text("db/septet")
    septet.done("reset", "--yes")
    assert names(septet.folder) == {"backups", "notes-of-mine.txt"}


def test_a_target_of_a_move_that_was_given_up_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    with new_postgresql_database(postgres_server) as url:
        septet = Septet(monkeypatch, url, tmp_path / "data")
        septet.done("migrate", "up", "core")
        execute(url, f"create table {MOVE_STATE} (source text)")
        assert "is not finished" in septet.refused("migrate", "status")
        septet.done("reset", "--yes", "--database", url.rpartition("?")[0].rpartition("/")[2])
        septet.done("migrate", "up", "core")


def test_the_file_that_was_moved_into_postgresql_goes_as_well(
    septet: Septet, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    """Else all data of that day would stay, and come back with the setting."""
    moved_mark(septet.folder / "septet.db").write_text("db/septet")
    with new_postgresql_database(postgres_server) as url:
        septet.use(url, septet.folder)
        septet.done("migrate", "up", "core")
        said = septet.done("reset", "--yes", "--database", url.rpartition("?")[0].rpartition("/")[2])
        assert f"{septet.folder / 'septet.db'}  " in said
        assert names(septet.folder) == {"backups", "notes-of-mine.txt"}


def test_a_database_is_named_only_on_postgresql(septet: Septet) -> None:
    assert septet("reset", "--yes", "--database", "septet").exit_code == 2
    assert rows(septet.url) == 3
