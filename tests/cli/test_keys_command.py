"""`septet keys`: rotated, and what is kept encrypted sealed anew, as an operator does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from septet.cli.main import cli
from septet.core.keys import Keyring
from support.sql import execute


def _run(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEPTET_DATA_DIR", str(tmp_path))
    _run("migrate", "up")
    made = ["create-admin", "ada@example.org", "--password-stdin"]
    assert CliRunner().invoke(cli, made, input="correct horse battery staple\n").exit_code == 0
    return tmp_path


def _sealed_by(folder: Path) -> set[str]:
    rows = execute(f"sqlite:///{folder / 'septet.db'}", "SELECT sealed_key FROM identity_audit_key")
    return {Keyring.key_id_of(sealed) for (sealed,) in rows}


def test_after_a_rotation_all_is_sealed_anew_and_the_old_key_may_go(folder: Path) -> None:
    old = _run("keys", "list").split()[0]
    assert _sealed_by(folder) == {old}
    new = _run("keys", "rotate").split()[4].rstrip(".")
    assert "identity_audit_key: 2 sealed anew" in _run("keys", "reseal")
    assert _sealed_by(folder) == {new}
    assert "identity_audit_key: 0 sealed anew" in _run("keys", "reseal")
    file = folder / "keys"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith(old)))
    assert _run("keys", "list").split()[0] == new
    assert "sealed anew" in _run("keys", "reseal")


def test_what_a_removed_key_sealed_is_told(folder: Path) -> None:
    old = _run("keys", "list").split()[0]
    _run("keys", "rotate")
    file = folder / "keys"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith(old)))
    result = CliRunner().invoke(cli, ["keys", "reseal"])
    assert result.exit_code == 1
    assert f"identity_audit_key: what key {old} sealed does not open" in result.output
