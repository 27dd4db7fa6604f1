"""`septet restore`: the backup is there afterwards, what was there is kept aside, and nobody is disturbed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from septet.core.errors import Unavailable
from septet.core.keys import Keyring
from septet.core.mail import Message
from septet.engines.database import presence, sqlite_path
from septet.engines.database.backup_sqlite import put_in_place
from septet.engines.database.moved import moved_mark
from septet.engines.mail.mailbox import LocalMailbox
from septet.settings import Settings
from septet.testing.databases import new_postgresql_database, new_sqlite_database, opened
from support import things
from support.backups import Septet, drop_what_was_put_aside, fill, forge, rows
from support.postgres import PostgresServer
from support.sql import create_tables, execute


@pytest.fixture
def septet(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Septet]:
    """The command line on a database with three things."""
    made = Septet(monkeypatch, database_url, tmp_path / "data")
    made.done("migrate", "up", "core")
    create_tables(database_url, things.metadata)
    fill(database_url, 3)
    yield made
    if not database_url.startswith("sqlite"):
        drop_what_was_put_aside(database_url)


@contextmanager
def another_database(septet: Septet, folder: Path, server: PostgresServer) -> Iterator[str]:
    """An empty one of the same kind."""
    if septet.url.startswith("sqlite"):
        folder.mkdir()
        yield new_sqlite_database(folder)
    else:
        with new_postgresql_database(server) as url:
            yield url


def kept_aside(septet: Septet) -> int:
    """The things that were there before restoring."""
    if septet.url.startswith("sqlite"):
        (aside,) = sqlite_path(septet.url, Settings()).parent.glob("*.before-restore-*")
        return rows(f"sqlite:///{aside}")
    ((schema,),) = execute(septet.url, "select nspname from pg_namespace where nspname like 'before_restore_%'")
    return int(execute(septet.url, f"select count(*) from {schema}.thing")[0][0])


def test_into_an_empty_database_with_keys_and_letters(
    septet: Septet, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    archive = tmp_path / "a.tar.gz"
    ids = Keyring.open_file(septet.folder / "keys").ids
    box = LocalMailbox(septet.folder / "mailbox", "Septet <septet@example.org>")
    asyncio.run(box.send(Message("ann@example.com", "Hello", "Dear Ann")))
    septet.done("backup", archive, "--with-keys")
    with another_database(septet, tmp_path / "other", postgres_server) as url:
        septet.use(url, tmp_path / "restored")
        said = septet.done("restore", archive)
        assert "1 letters were put back" in said
        assert "As it was" not in said
        assert rows(url) == 3
        assert Keyring.open_file(tmp_path / "restored" / "keys").ids == ids
        restored = LocalMailbox(tmp_path / "restored" / "mailbox", "Septet <septet@example.org>")
        assert [letter["Subject"] for letter in restored.letters()] == ["Hello"]
        assert septet.done("migrate", "status").startswith("core  ")
        septet.done("backup", tmp_path / "again.tar.gz")  # what was restored is whole, and can be written
        fill_more(url)


def fill_more(url: str) -> None:
    execute(url, "delete from thing")
    fill(url, 5)
    assert rows(url) == 5


def test_what_was_there_is_kept_aside(septet: Septet, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    septet.done("backup", archive)
    fill_more(septet.url)
    execute(septet.url, "create table later (id int)")
    if not septet.url.startswith("sqlite"):
        assert "--replace" in septet.refused("restore", archive)
        assert rows(septet.url) == 5
    septet.done("restore", archive, "--replace")
    assert (rows(septet.url), kept_aside(septet)) == (3, 5)
    septet.done("backup", tmp_path / "b.tar.gz")  # in which there is nothing of what was put aside, nor of later
    septet.done("verify", tmp_path / "b.tar.gz")


def test_it_is_refused_while_septet_runs(septet: Septet, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    septet.done("backup", archive)

    async def ready() -> None:
        async with opened(septet.url) as database:
            assert await database.ready()
            complaint = await asyncio.to_thread(septet.refused, "restore", archive, "--replace")
            assert "in use" in complaint

    asyncio.run(ready())
    septet.done("restore", archive, "--replace")


def test_a_stranger_that_has_the_file_open_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    septet = Septet(monkeypatch, new_sqlite_database(tmp_path), tmp_path / "data")
    septet.done("migrate", "up", "core")
    archive = tmp_path / "a.tar.gz"
    septet.done("backup", archive)
    with closing(sqlite3.connect(tmp_path / "test.db")) as shell:
        shell.execute("select * from core_task").fetchall()
        assert "in use" in septet.refused("restore", archive)
    assert not list(tmp_path.glob("*.before-restore-*"))
    septet.done("restore", archive)


async def test_nobody_starts_while_a_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "PATIENCE", 0.1)
    url = new_sqlite_database(tmp_path)
    alone = presence.Presence(tmp_path / "test.db")
    assert alone.enter_alone()
    with pytest.raises(Unavailable, match="restore"):
        async with opened(url):
            pass
    alone.close()
    async with opened(url) as database:
        assert await database.ready()


def test_into_the_place_of_a_file_that_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    septet = Septet(monkeypatch, new_sqlite_database(tmp_path), tmp_path / "data")
    septet.done("migrate", "up", "core")
    septet.done("backup", tmp_path / "a.tar.gz")
    moved_mark(tmp_path / "test.db").write_text("db/septet")
    septet.done("restore", tmp_path / "a.tar.gz")
    (aside,) = (file for file in tmp_path.glob("*.before-restore-*") if file.suffix != ".moved")
    assert moved_mark(aside).read_text() == "db/septet"

    async def ready() -> None:
        async with opened(septet.url) as database:
            assert await database.ready()

    asyncio.run(ready())


def test_a_file_system_without_second_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept aside is then a copy, that nobody else may read at any moment."""
    septet = Septet(monkeypatch, new_sqlite_database(tmp_path), tmp_path / "data")
    septet.done("migrate", "up", "core")
    modes = []

    def refuse(*_: object) -> None:
        raise PermissionError

    def copy(source: Path, target: Path) -> None:
        modes.append(target.stat().st_mode & 0o777)
        target.write_bytes(source.read_bytes())

    septet.done("backup", tmp_path / "a.tar.gz")
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        patched.setattr(shutil, "copyfile", copy)
        septet.done("restore", tmp_path / "a.tar.gz")
    assert modes == [0o600]


def test_a_damaged_database_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    septet = Septet(monkeypatch, new_sqlite_database(tmp_path), tmp_path / "data")
    septet.done("migrate", "up", "core")
    create_tables(septet.url, things.metadata)
    fill(septet.url, 3)
    archive, file = tmp_path / "a.tar.gz", tmp_path / "test.db"
    septet.done("backup", archive)
    file.write_bytes(b"this was a database" * 1000)
    Path(f"{file}-wal").write_bytes(b"and this its log")
    septet.done("restore", archive)
    assert rows(septet.url) == 3
    (aside,) = tmp_path.glob("*.before-restore-*")
    assert aside.read_bytes() == b"this was a database" * 1000


def test_a_log_that_cannot_be_merged_goes_aside_and_is_never_met_by_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, file, aside = tmp_path / "new", tmp_path / "file", tmp_path / "aside"
    for path, content in ((new, "new"), (file, "old"), (Path(f"{file}-wal"), "log"), (Path(f"{file}-shm"), "shm")):
        path.write_text(content)

    def fails(*_: object, **__: object) -> None:
        raise sqlite3.DatabaseError("disk I/O error")

    monkeypatch.setattr(sqlite3, "connect", fails)
    put_in_place(new, file, aside)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"file": "new", "aside": "old", "aside-wal": "log", "file.gate": "", "file.turn": ""}


def test_keys_that_are_there_stay_and_those_that_lack_are_named(septet: Septet, tmp_path: Path) -> None:
    (first,) = Keyring.open_file(septet.folder / "keys").ids
    septet.done("backup", tmp_path / "with.tar.gz", "--with-keys")
    septet.done("backup", tmp_path / "without.tar.gz")
    septet.use(septet.url, tmp_path / "elsewhere")
    (second,) = Keyring.open_file(septet.folder / "keys").ids
    assert first in septet.done("restore", tmp_path / "without.tar.gz", "--replace")
    assert "Keys that were in use" not in septet.done("restore", tmp_path / "with.tar.gz", "--replace")
    assert Keyring.open_file(septet.folder / "keys").ids == (second, first)


def test_one_of_another_kind_or_a_later_release_is_refused(septet: Septet, tmp_path: Path) -> None:
    archive, forged = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    septet.done("backup", archive)
    forge(archive, forged, lambda said: said["content"]["revisions"].update(core="9999"))
    complaint = septet.refused("restore", forged, "--replace")
    assert "newer than this release's (core 9999)" in complaint
    forge(archive, forged, lambda said: said.update(format=2))
    assert "use a later Septet" in septet.refused("restore", forged)
    other = "postgresql:///none" if septet.url.startswith("sqlite") else new_sqlite_database(tmp_path)
    septet.use(other, septet.folder)
    assert "septet move" in septet.refused("restore", archive)
