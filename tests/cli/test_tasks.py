"""`septet tasks` shows what waits and what is dead, and lets it run again or never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from septet import systems
from septet.cli.tasks import tasks
from septet.core.context import Context
from septet.core.floor import FLOOR
from support.app import Clock
from support.chores import CHORES, Chore, effects_of, fragile, script_of, tidy
from support.tasks import chores, store

Call = Callable[..., Result]


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `septet tasks` with the chores as the only system."""
    monkeypatch.setenv("SEPTET_DATABASE_URL", database_url)
    monkeypatch.setenv("SEPTET_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(systems, "installed_systems", lambda settings: [FLOOR, CHORES])
    return lambda *words: CliRunner().invoke(tasks, words)


def store_one_that_waits_and_one_that_is_dead(database_url: str, folder: Path, why: str = "no hope") -> None:
    """Task 1, for the year 2050, and task 2, which failed in both of its attempts."""
    clock = Clock()

    async def fail(ctx: Context, number: int) -> None:
        raise ValueError(why)

    async def prepare() -> None:
        async with chores(database_url, folder, clock) as septet:
            in_2050 = clock() + timedelta(days=365.25 * 24)
            script_of(septet.runtime).before["fragile"] = fail
            await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1), at=in_2050))
            await store(septet.runtime, lambda ctx: ctx.enqueue(fragile, Chore(2)))
            await septet.worker.run_due()
            clock.advance(seconds=2)
            await septet.worker.run_due()

    asyncio.run(prepare())


def run_what_is_due(database_url: str, folder: Path, kind: str) -> list[int]:
    """As a worker in the year 2100 would; gives the effects of that kind."""

    async def work() -> list[int]:
        clock = Clock()
        clock.advance(days=365.25 * 74)
        async with chores(database_url, folder, clock) as septet:
            await septet.worker.run_due()
            return await effects_of(septet.runtime, kind)

    return asyncio.run(work())


def test_the_list_shows_all_but_payloads(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    heads, waiting, dead = call("list").stdout.splitlines()
    assert heads.split() == ["ID", "NAME", "STATE", "DUE", "FAILED", "LAST", "ERROR"]
    assert waiting.split() == ["1", "chores.tidy", "waiting", "2050-01-01T12:00:00Z", "0"]
    assert dead.split()[:3] == ["2", "chores.fragile", "dead"]
    assert dead.endswith("2       ValueError: no hope")
    assert dead.index("ValueError") == heads.index("LAST ERROR")


def test_a_terminal_obeys_nothing_that_made_a_task_fail(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path, "no \x1b[2Jhope\u202e")
    shown = call("list").stdout
    assert shown.splitlines()[-1].endswith("ValueError: no ?[2Jhope?")
    assert "\x1b" not in call("show", "2").stdout


def test_the_list_is_filtered_cut_and_given_as_json(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    cases = {
        ("--state", "dead"): [2],
        ("--state", "waiting"): [1],
        ("--name", "chores.tidy"): [1],
        ("--name", "chores.tidy", "--state", "dead"): [],
        ("--name", "chores.fragile", "--state", "dead"): [2],
        ("--name", "chores.tidy", "--state", "waiting"): [1],
        ("--after", "1"): [2],
        ("--limit", "1"): [1],
    }
    for words, expected in cases.items():
        listed = json.loads(call("list", "--json", *words).stdout)
        assert [task["id"] for task in listed] == expected, words
        assert not any("payload" in task for task in listed)
    assert call("list", "--limit", "1").stderr == "There may be more: --after 1\n"


def test_one_is_shown_with_its_payload_and_a_warning(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    shown = call("show", "2")
    task = json.loads(shown.stdout)
    assert (task["payload"], task["state"], task["last_error"]) == ({"number": 2}, "dead", "ValueError: no hope")
    assert "personal data" in shown.stderr


@pytest.mark.parametrize("words", [("retry", "2"), ("retry", "--all-dead")])
def test_a_dead_one_runs_again(call: Call, database_url: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    assert call(*words).exit_code == 0
    (task,) = json.loads(call("list", "--json", "--name", "chores.fragile").stdout)
    assert (task["state"], task["attempts"]) == ("waiting", 0)
    assert run_what_is_due(database_url, tmp_path, "fragile") == [2]


def test_a_cancelled_one_never_runs(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    assert call("cancel", "1").stdout == "Task 1 is cancelled.\n"
    assert run_what_is_due(database_url, tmp_path, "tidy") == []


def test_they_are_counted(call: Call, database_url: str, tmp_path: Path) -> None:
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    counted = json.loads(call("count", "--json").stdout)
    assert sorted((each["name"], each["state"], each["count"]) for each in counted) == [
        ("chores.fragile", "dead", 1),
        ("chores.tidy", "waiting", 1),
    ]
    assert call("count").stdout.splitlines()[1].split() == ["chores.fragile", "dead", "1", "2026-01-01T12:00:02Z"]


def test_wrong_use_is_told_in_one_line(call: Call, database_url: str, tmp_path: Path) -> None:
    unmigrated = call("list")
    assert (unmigrated.exit_code, unmigrated.stderr.count("\n")) == (1, 1)
    assert "septet migrate up" in unmigrated.stderr
    store_one_that_waits_and_one_that_is_dead(database_url, tmp_path)
    missing = call("show", "99")
    assert (missing.exit_code, missing.stderr) == (1, "septet: There is no task 99: it ended, or never was.\n")
    assert call("retry").exit_code == 2
    assert call("retry", "2", "--all-dead").exit_code == 2
