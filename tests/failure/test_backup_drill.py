"""The drill: 100,000 rows, a process that goes on writing, a backup, and all of it again in an empty place.

And kill -9 in the midst of restoring: the old data or the new, never neither.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from septet.testing.databases import new_postgresql_database, new_sqlite_database
from support import things
from support.backups import Septet, drop_what_was_put_aside, fill, manifest, rows
from support.postgres import PostgresServer
from support.sql import create_tables, execute
from support.storms import assert_stored, storm, wait_until_it_writes

ROWS = 100_000


@contextmanager
def empty_place(url: str, folder: Path, server: PostgresServer) -> Iterator[str]:
    if url.startswith("sqlite"):
        folder.mkdir()
        yield new_sqlite_database(folder)
    else:
        with new_postgresql_database(server) as other:
            yield other


def stored_ids(url: str) -> set[UUID]:
    found = execute(url, "select id from thing")
    return {UUID(bytes=row[0]) if isinstance(row[0], bytes) else UUID(str(row[0])) for row in found}


def test_the_drill(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    septet = Septet(monkeypatch, database_url, tmp_path / "data")
    septet.done("migrate", "up", "core")
    create_tables(database_url, things.metadata)
    fill(database_url, ROWS)
    execute(database_url, _PARTS_OF_ALL[database_url[:6]])
    archive = tmp_path / "drill.tar.gz"
    with storm(database_url) as writer:
        wait_until_it_writes(writer)
        before = writer.acknowledged()
        began = time.monotonic()
        septet.done("backup", archive)
        seconds = time.monotonic() - began
        after = writer.acknowledged()
        assert writer.process.poll() is None, writer.errors()
    assert len(after) > len(before)  # the writer went on
    with empty_place(database_url, tmp_path / "empty", postgres_server) as url:
        septet.use(url, tmp_path / "restored")
        septet.done("restore", archive)
        septet.done("verify", archive)
        assert before <= stored_ids(url)
        count = assert_stored(url, before)  # no transaction is there by half
        assert ROWS + len(before) <= count
        (kept,) = (table for table in manifest(archive)["content"]["tables"] if table["name"] == "thing")
        assert kept["rows"] == count
        septet.done("backup", tmp_path / "again.tar.gz")  # the same rows: the same digest
        (again,) = (table for table in manifest(tmp_path / "again.tar.gz")["content"]["tables"] if table == kept)
        assert again == kept
    print(f"{count} rows, {len(after) - len(before)} written during the {seconds:.1f} s of the backup")


_PARTS_OF_ALL = {
    "sqlite": "insert into part select randomblob(16), id from thing",
    "postgr": "insert into part select gen_random_uuid(), id from thing",
}


def _restore_and_die(septet: Septet, archive: Path, at: int) -> None:
    """In a process of its own: restore, and be killed at the `at`th call that could change a file."""
    counted = 0

    def hook(event: str, _: tuple[object, ...]) -> None:
        nonlocal counted
        if event in _CHANGES:
            counted += 1
            if counted == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    os._exit(septet("restore", archive).exit_code)


_CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod", "sqlite3.connect", "shutil.copyfile"}


def test_killed_at_any_step_restoring_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    septet = Septet(monkeypatch, new_sqlite_database(tmp_path), tmp_path / "data")
    septet.done("migrate", "up", "core")
    create_tables(septet.url, things.metadata)
    fill(septet.url, 20)
    archive = tmp_path / "a.tar.gz"
    septet.done("backup", archive)
    septet.done("verify", archive)  # loads all that is needed, so that what is counted is work on files
    execute(septet.url, "delete from thing where large > 7")
    outcomes, step = [], 0
    while True:
        step += 1
        process = multiprocessing.get_context("fork").Process(target=_restore_and_die, args=(septet, archive, step))
        process.start()
        process.join()
        outcomes.append(rows(septet.url))
        assert execute(septet.url, "pragma integrity_check") == [("ok",)]
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        if outcomes[-1] == 20:  # the new one is there: back to the old for the next step
            execute(septet.url, "delete from thing where large > 7")
    assert set(outcomes) == {7, 20}
    assert outcomes[-1] == 20
    assert len(outcomes) > 15, "the audit hook saw too little"
    assert not list(tmp_path.glob(".septet-work-*"))  # what the killed ones left was cleared away


def test_killed_while_a_dump_is_restored_the_tables_are_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    with new_postgresql_database(postgres_server) as url:
        septet = Septet(monkeypatch, url, tmp_path / "data")
        create_tables(url, things.metadata)
        fill(url, 30_000)
        archive = tmp_path / "a.tar.gz"
        septet.done("backup", archive)
        execute(url, "delete from thing where large > 7")
        for pause in (0.1, 0.25, 0.4):
            process = multiprocessing.get_context("fork").Process(target=_restore_replacing, args=(septet, archive))
            process.start()
            process.join(pause)
            process.kill()
            process.join()
            wait_for_psql(url)
            assert rows(url) in (7, 30_000)
            execute(url, "delete from thing where large > 7")
        septet.done("restore", archive, "--replace")
        assert rows(url) == 30_000
        drop_what_was_put_aside(url)


def _restore_replacing(septet: Septet, archive: Path) -> None:
    os._exit(septet("restore", archive, "--replace").exit_code)


def wait_for_psql(url: str) -> None:
    """One that outlived its parent ends its transaction by itself."""
    until = time.monotonic() + 10
    while execute(url, "select 1 from pg_stat_activity where application_name = 'psql'"):
        assert time.monotonic() < until
        time.sleep(0.02)
