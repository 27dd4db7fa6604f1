"""Two processes write to one SQLite file: no error reaches a caller, and no write is lost."""

from __future__ import annotations

from pathlib import Path

from support import things
from support.databases import new_sqlite_database
from support.sql import create_tables, execute
from support.storms import assert_stored, storm, wait_until_it_writes


def test_no_error_reaches_a_caller_and_no_write_is_lost(tmp_path: Path) -> None:
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    with storm(url, 2.0) as first, storm(url, 2.0) as second:
        assert first.process.wait() == 0, first.errors()
        assert second.process.wait() == 0, second.errors()
        by_first, by_second = first.acknowledged(), second.acknowledged()
    assert assert_stored(url, by_first | by_second) == len(by_first) + len(by_second)
    assert min(len(by_first), len(by_second)) > max(len(by_first), len(by_second)) / 10  # both had turns
    assert execute(url, "PRAGMA integrity_check") == [("ok",)]


def test_when_one_is_killed_the_other_goes_on(tmp_path: Path) -> None:
    url = new_sqlite_database(tmp_path)
    create_tables(url, things.metadata)
    with storm(url, 3.0) as survives:
        acknowledged = set()
        for _ in range(2):
            with storm(url) as dies:
                wait_until_it_writes(dies)
                wait_until_it_writes(survives)
                dies.process.kill()
                dies.process.wait()
                acknowledged |= dies.acknowledged()
        assert survives.process.wait() == 0, survives.errors()
        acknowledged |= survives.acknowledged()
    assert_stored(url, acknowledged)
    assert execute(url, "PRAGMA integrity_check") == [("ok",)]
