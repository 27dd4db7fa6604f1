"""`septet call` does what REST does: the same values, the same refusals, told in exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from septet.cli.outcomes import EXIT_CODES, exit_code_of
from septet.core import errors
from septet.core.errors import Problem
from support.app import client_of, running_septet
from support.calling import CARDS, Typed, typed
from support.sample_system import TitleTaken
from support.sql import execute

MISSING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def septet(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    return typed(database_url, tmp_path, monkeypatch)


def test_a_note_is_written_read_changed_and_removed(septet: Typed, database_url: str) -> None:
    made = json.loads(septet("call", "create_note", "--title", "Milk", "--stars", "3", "--as", "ada").stdout)
    assert (made["title"], made["stars"], made["color"]) == ("Milk", 3, "blue")
    assert execute(database_url, "SELECT title, stars FROM notes_note") == [("Milk", 3)]
    assert json.loads(septet("call", "read-note", "--id", made["id"], "--as", "ada").stdout) == made
    changed = json.loads(septet("call", "--as", "ada", "change_note", "--id", made["id"], "--stars", "5").stdout)
    assert changed == {**made, "stars": 5}  # the title was left out, so it stays
    removed = septet("call", "remove_note", "--id", made["id"], "--as", "ada")
    assert (removed.exit_code, removed.stdout, removed.stderr) == (0, "", "")
    assert execute(database_url, "SELECT count(*) FROM notes_note") == [(0,)]


CASES = [  # words, then the same over REST: method, path, body, token
    ("read_note --id X --anonymous", "GET", "/v1/notes/notes/X", None, None, 3),
    ("read_note --id X --token nobody", "GET", "/v1/notes/notes/X", None, "nobody", 3),
    ("create_note --title Milk --as bob", "POST", "/v1/notes/notes", {"title": "Milk"}, "bob", 4),
    ("read_note --id X --token bob", "GET", "/v1/notes/notes/X", None, "bob", 5),
    (f"read_note --id {MISSING} --as bob", "GET", f"/v1/notes/notes/{MISSING}", None, "bob", 5),
    ("create_note --title Taken --as ada", "POST", "/v1/notes/notes", {"title": "Taken"}, "ada", 6),
    (
        "create_note --stars many --color green --as ada",
        "POST",
        "/v1/notes/notes",
        {"stars": "many", "color": "green"},
        "ada",
        7,
    ),
    ("echo --label a --number 1e3 --ratio nan", "GET", "/v1/notes/echoes/a?number=1e3&ratio=nan", None, None, 7),
    ("list_notes --limit 0 --as ada", "GET", "/v1/notes/notes?limit=0", None, "ada", 7),
    ("list_notes --cursor broken --as ada", "GET", "/v1/notes/notes?cursor=broken", None, "ada", 7),
]


@pytest.mark.parametrize(("words", "method", "path", "body", "token", "code"), CASES, ids=[case[0] for case in CASES])
def test_a_refusal_is_the_one_that_rest_gives(
    words: str,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    token: str | None,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"sqlite:///{tmp_path}/septet.db"
    septet = typed(url, tmp_path, monkeypatch)
    assert septet("call", "create_note", "--title", "Taken", "--as", "ada").exit_code == 0

    async def over_rest() -> Any:
        async with running_septet(url, tmp_path, systems=CARDS) as running, client_of(running) as client:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return (await client.request(method, path, json=body, headers=headers)).json()

    result = septet("call", *words.split())
    told, expected = json.loads(result.stderr), asyncio.run(over_rest())
    assert (result.exit_code, result.stdout) == (code, "")
    if code == 3 and token is None:  # the one difference: REST tells of the header
        expected["detail"] = told["detail"]
    assert {**told, "request_id": ""} == {**expected, "request_id": ""}
    assert len(told["request_id"]) == 32


def test_every_problem_has_an_exit_code_and_its_own_kind() -> None:
    assert set(EXIT_CODES.values()) == {1, 3, 4, 5, 6, 7, 8, 9}
    expected: dict[type[Problem], int] = {
        errors.TooMany: 8,
        errors.Unavailable: 9,
        errors.KeyReused: 7,
        errors.InProgress: 6,
        errors.PreconditionFailed: 6,
        TitleTaken: 6,
        Problem: 1,
    }
    assert {problem: exit_code_of(problem) for problem in expected} == expected


def test_the_local_administrator_has_every_scope_and_no_account(septet: Typed) -> None:
    assert json.loads(septet("call", "echo", "--label", "a").stdout)["label"] == "a"
    lacking = septet("call", "list_notes")
    assert lacking.exit_code == 3
    assert json.loads(lacking.stderr)["detail"] == "This is about the account that asks: add --as EMAIL."
    assert septet("call", "list_notes", "--as", "ada").exit_code == 0


def test_a_key_makes_a_retry_harmless_and_limits_are_told(septet: Typed, database_url: str) -> None:
    words = ("call", "create_note", "--title", "Once", "--as", "ada", "--idempotency-key", "k1", "--verbose")
    first, second = septet(*words), septet(*words)
    assert first.stdout == second.stdout
    assert execute(database_url, "SELECT count(*) FROM notes_note") == [(1,)]
    assert 'RateLimit-Policy: "default";q=1200;w=60, "minute";q=600;w=60\n' in first.stderr
    assert 'RateLimit: "default";r=' in first.stderr
    assert ("Idempotent-Replayed" in first.stderr, "Idempotent-Replayed: true" in second.stderr) == (False, True)
    other = septet(*words, "--stars", "1")
    assert (other.exit_code, json.loads(other.stderr.splitlines()[-1])["code"]) == (7, "idempotency_key_reused")


def test_signing_in_ignores_a_token_that_ended_as_over_rest(septet: Typed) -> None:
    place = ("--city", "Graz", "--country", "AT")
    assert septet("call", "make_secret", *place, "--token", "ended").exit_code == 0
    assert septet("call", "echo", "--label", "a", "--token", "ended").exit_code == 3


def test_a_person_reads_text_and_no_terminal_codes(septet: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    from septet.cli import outcomes

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    class Sys:
        stdout = stderr = Terminal

    monkeypatch.setattr(outcomes, "sys", Sys)
    refused = septet("call", "create_note", "--json", '{"stars": -1}', "--as", "ada")
    assert refused.exit_code == 7
    assert refused.stderr.startswith("septet: Invalid (invalid): 2 faults")
    assert "\n  /title: This is required.\n" in refused.stderr
    shown = septet("call", "echo", "--label", "a\x9b31m").stdout
    assert '{\n  "label": "a?31m",' in shown


def test_a_database_that_was_never_migrated_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    septet = typed(f"sqlite:///{tmp_path}/septet.db", tmp_path, monkeypatch)
    monkeypatch.setenv("SEPTET_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    result = septet("call", "echo", "--label", "a")
    assert (result.exit_code, "septet migrate up" in result.stderr) == (1, True)
    assert not (tmp_path / "other.db").exists()
