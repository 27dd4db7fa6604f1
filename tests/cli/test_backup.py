"""`septet backup` and `septet verify`: what is in an archive, and what is made of a wrong wish."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from septet import __version__
from septet.cli.backup import new_name
from septet.core.floor import FLOOR
from septet.core.keys import Keyring
from septet.core.mail import Message
from septet.engines.database.archive import WORKPLACE, workplace
from septet.engines.database.manifest import ArchiveError
from septet.engines.database.moved import mark_moved
from septet.engines.database.postgresql_programs import Programs, split_password
from septet.engines.database.revisions import revision_files
from septet.engines.mail.mailbox import LocalMailbox
from septet.testing.databases import new_postgresql_database
from support import things
from support.backups import Septet, fill, forge, manifest, members
from support.disks import small_disk_at
from support.postgres import PostgresServer
from support.sql import create_tables, execute


@pytest.fixture
def septet(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    """The command line on a database with the tables of the floor and of things, with three of them."""
    made = Septet(monkeypatch, database_url, tmp_path / "data")
    made.done("migrate", "up", "core")
    create_tables(database_url, things.metadata)
    fill(database_url, 3)
    Keyring.open_file(tmp_path / "data" / "keys")
    return made


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    """The same on SQLite only."""
    made = Septet(monkeypatch, f"sqlite:///{tmp_path / 'data' / 'septet.db'}", tmp_path / "data")
    made.done("migrate", "up", "core")
    return made


def test_it_holds_the_database_the_mailbox_and_a_manifest(septet: Septet, tmp_path: Path) -> None:
    box = LocalMailbox(septet.folder / "mailbox", "Septet <septet@example.org>")
    asyncio.run(box.send(Message("ann@example.com", "Hello", "Dear Ann")))
    archive = tmp_path / "monday.tar.gz"
    said = septet.done("backup", archive)
    assert re.search(rf"^{archive}: 4 rows in \d+ tables, [\d,]+ bytes$", said, re.M)
    assert "keys are not in it" in said
    assert archive.stat().st_mode & 0o777 == 0o600
    found = manifest(archive)
    kind = "sqlite" if septet.url.startswith("sqlite") else "postgresql"
    assert (found["format"], found["septet"], found["database"]) == (1, __version__, kind)
    assert found["content"]["revisions"] == {"core": list(revision_files(FLOOR))[-1]}
    by_name = {table["name"]: table for table in found["content"]["tables"]}
    assert (by_name["thing"]["rows"], by_name["core_task"]["rows"]) == (3, 0)
    assert by_name["thing"]["columns"]["at"] == "instant"
    database = "septet.db" if kind == "sqlite" else "database.dump"
    names = list(members(archive))
    assert names[:2] == ["manifest.json", database]
    assert [name.rpartition("/")[0] for name in names[2:]] == ["mailbox/new"]
    assert found["key_ids"] == list(Keyring.open_file(septet.folder / "keys").ids)
    assert {path.name for path in tmp_path.iterdir()} - {"monday.tar.gz", "data"} <= {
        f"test.db{suffix}" for suffix in ("", ".gate", ".turn", ".users")
    }


def test_keys_are_in_it_only_if_asked_for(septet: Septet, tmp_path: Path) -> None:
    said = septet.done("backup", tmp_path / "all.tar.gz", "--with-keys")
    assert "sign in as anybody" in said
    assert members(tmp_path / "all.tar.gz")["keys"] == (septet.folder / "keys").read_bytes()
    assert septet.done("verify", tmp_path / "all.tar.gz").startswith(f"{tmp_path / 'all.tar.gz'}: whole.")


def test_an_existing_file_stays(embedded: Septet, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    assert "there already" in embedded.refused("backup", precious)
    assert precious.read_text() == "precious"


def test_a_folder_keeps_the_newest(embedded: Septet, tmp_path: Path) -> None:
    folder = tmp_path / "usb"
    folder.mkdir()
    (folder / "letter.tar.gz").write_text("not ours")
    for _ in range(3):
        embedded.done("backup", folder, "--keep", "2")
    assert len(list(folder.glob("septet-*Z.tar.gz"))) == 2
    assert (folder / "letter.tar.gz").exists()
    embedded.done("backup")
    (made,) = (embedded.folder / "backups").glob("*.tar.gz")
    assert embedded.done("verify", made)
    assert embedded("backup", tmp_path / "one.tar.gz", "--keep", "2").exit_code == 2


def test_what_a_killed_one_left_is_cleared_away_but_not_what_another_works_in(embedded: Septet, tmp_path: Path) -> None:
    left = tmp_path / f"{WORKPLACE}killed"
    left.mkdir()
    (left / "septet.db").write_bytes(bytes(100))
    with workplace(tmp_path) as in_use:
        assert not left.exists()
        embedded.done("backup", tmp_path / "a.tar.gz")
        assert in_use.exists()
    assert list(tmp_path.glob(f"{WORKPLACE}*")) == []


def test_names_sort_by_time() -> None:
    from datetime import datetime, timedelta, timezone

    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert new_name(Path(), moment).name == "septet-20260101T000000.000000Z.tar.gz"
    assert new_name(Path(), moment) < new_name(Path(), moment + timedelta(microseconds=1))


def test_without_a_database_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    septet = Septet(monkeypatch, f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "data")
    assert "no database yet" in septet.refused("backup", tmp_path / "a.tar.gz")
    assert "no data folder" in septet.refused("backup")
    assert "no folder" in septet.refused("backup", tmp_path / "no" / "a.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(embedded: Septet, tmp_path: Path) -> None:
    create_tables(embedded.url, things.metadata)
    fill(embedded.url, 20_000)
    small = tmp_path / "small"
    small.mkdir()
    with small_disk_at(small, 1):
        assert "No space left" in embedded.refused("backup", small) or "full" in embedded.refused("backup", small)
        assert list(small.iterdir()) == []
    with small_disk_at(small, 4):  # the copy fits, and the archive beside it does not
        execute(embedded.url, "create table noise as select randomblob(1000) as noise from thing limit 1000")
        execute(embedded.url, "drop table thing", "drop table part", "vacuum")
        (small / "filler").write_bytes(bytes(4 * 1024 * 1024 - 1_900_000))
        assert "No space left" in embedded.refused("backup", small)
        assert [path.name for path in small.iterdir()] == ["filler"]


def test_pg_dump_that_is_missing_or_old_is_said_plainly(
    septet: Septet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if septet.url.startswith("sqlite"):
        pytest.skip("SQLite needs no programs")
    monkeypatch.setenv("SEPTET_POSTGRESQL_PROGRAMS", str(tmp_path))
    assert "SEPTET_POSTGRESQL_PROGRAMS" in septet.refused("backup", tmp_path / "a.tar.gz")
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o700)
    assert "postgresql-client-" in septet.refused("backup", tmp_path / "a.tar.gz")
    old.write_text("#!/bin/sh\necho 'broken\nvery' >&2\nexit 3\n")
    assert "pg_dump failed: broken / very" in septet.refused("backup", tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()


def test_a_dump_is_really_restored_to_be_verified(
    septet: Septet, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    archive = tmp_path / "a.tar.gz"
    septet.done("backup", archive)
    with new_postgresql_database(postgres_server) as scratch:
        if septet.url.startswith("sqlite"):
            assert "backups of PostgreSQL" in septet.refused("verify", archive, "--restore-into", scratch)
            return
        assert "were not compared" in septet.done("verify", archive)
        assert "were not compared" not in septet.done("verify", archive, "--restore-into", scratch)
        execute(scratch, "create table precious (id int)")
        assert "holds tables" in septet.refused("verify", archive, "--restore-into", scratch)
        assert execute(scratch, "select count(*) from precious") == [(0,)]


async def test_a_password_is_on_no_command_line(tmp_path: Path) -> None:
    assert split_password("postgresql://me:s3%40t@db:5432/x?sslmode=require") == (
        "postgresql://me@db:5432/x?sslmode=require",
        "s3@t",
    )
    assert split_password("postgresql://me@/x?host=/run/pg&password=s3") == (
        "postgresql://me@/x?host=%2Frun%2Fpg",
        "s3",
    )
    shown = tmp_path / "pg_dump"
    shown.write_text('#!/bin/sh\necho "$*" "$PGPASSWORD"\n')
    shown.chmod(0o700)
    said = await Programs(str(tmp_path)).run("pg_dump", "--quiet", url="postgresql://me:secret@db/x")
    assert said == "--dbname=postgresql://me@db/x --quiet secret\n"
    assert os.environ.get("PGPASSWORD") is None
    with pytest.raises(ArchiveError, match="is not in"):
        await Programs(str(tmp_path)).run("psql")


def test_a_file_that_was_moved_is_backed_up_only_if_that_is_wanted(embedded: Septet, tmp_path: Path) -> None:
    """Whoever goes on naming it would keep copies of a day long past, and believe them to be of today."""
    mark_moved(tmp_path / "data" / "septet.db", "postgresql://ann:secret@db/septet")
    complaint = embedded.refused("backup", tmp_path / "a.tar.gz")
    assert "was moved to db/septet" in complaint
    assert "--anyway" in complaint
    assert not (tmp_path / "a.tar.gz").exists()
    embedded.done("backup", tmp_path / "a.tar.gz", "--anyway")
    embedded.done("verify", tmp_path / "a.tar.gz")


ESCAPE = "\x1b[2J\x9b2J\u202e"
FORGERIES = {
    "release": lambda said: said.update(septet=f"0.1{ESCAPE}"),
    "database": lambda said: said.update(database=f"sqlite{ESCAPE}"),
    "key": lambda said: said.update(key_ids=[ESCAPE]),
    "table": lambda said: said["content"]["tables"][0].update(name=f"thing\nseptet: all is well {ESCAPE}"),
    "column": lambda said: said["content"]["tables"][0].update(columns={ESCAPE: "text"}),
    "revision": lambda said: said["content"].update(revisions={"core": f"9999\n{ESCAPE}"}),
    "system": lambda said: said["content"].update(revisions={f"co\nre{ESCAPE}": "0001"}),
    "format": lambda said: said.update(format=ESCAPE),
    "file": lambda said: said["files"][0].update(name=ESCAPE),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_terminal_obeys_nothing_that_a_forger_wrote(
    forgery: Callable[[Any], None], embedded: Septet, tmp_path: Path
) -> None:
    embedded.done("backup", tmp_path / "a.tar.gz")
    forge(tmp_path / "a.tar.gz", tmp_path / "b.tar.gz", forgery)
    for command in ("verify", "restore"):
        result = embedded(command, tmp_path / "b.tar.gz")
        assert not any(character in result.output for character in ESCAPE if not character.isprintable())
        if result.exit_code:
            assert (result.output[:8], result.output.count("\n")) == ("septet: ", 1)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
