"""`septet import-accounts`, as whoever moves in from elsewhere runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from septet.cli.main import cli
from support.sql import execute

HASH = "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEPTET_DATA_DIR", str(tmp_path / "data"))
    assert CliRunner().invoke(cli, ["migrate", "up"]).exit_code == 0
    return tmp_path


def _accounts(folder: Path) -> int:
    number = execute(f"sqlite:///{folder / 'data' / 'septet.db'}", "SELECT count(*) FROM identity_account")[0][0]
    assert isinstance(number, int)
    return number


def _written(folder: Path, *lines: str) -> str:
    file = folder / "people.jsonl"
    file.write_text("\n".join(lines))
    return str(file)


def test_a_thousand_come_in_once(folder: Path) -> None:
    people = [json.dumps({"email": f"p{n}@example.org", "password_hash": HASH}) for n in range(1000)]
    file = _written(folder, *people)
    tried = CliRunner().invoke(cli, ["import-accounts", file, "--try"])
    assert (tried.exit_code, tried.output) == (0, "1,000 could be imported, 0 lines refused.\n")
    assert _accounts(folder) == 0
    for made, there in ((1000, 0), (0, 1000)):
        done = CliRunner().invoke(cli, ["import-accounts", file])
        assert done.exit_code == 0
        assert done.output == f"{made:,} accounts made, {there:,} were there already, 0 lines refused.\n"
    assert _accounts(folder) == 1000


def test_lines_that_cannot_be_are_named_and_the_rest_comes_in(folder: Path) -> None:
    good = json.dumps({"email": "ada@example.org", "password_hash": HASH})
    long = json.dumps({"email": "grace@example.org", "name": "x" * 20_000})
    file = _written(folder, good, "", "{", long, json.dumps({"email": "nobody"}), good)
    done = CliRunner().invoke(cli, ["import-accounts", file])
    assert done.exit_code == 1
    assert "1 accounts made, 1 were there already, 3 lines refused." in done.output
    told = [line.partition(":")[0] for line in done.output.splitlines() if line.startswith("line ")]
    assert told == ["line 3", "line 4", "line 5"]
    assert _accounts(folder) == 1
