"""`septet create-admin`, as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from septet.cli.accounts import create_admin
from support.people import ADA, PASSWORD
from support.sql import execute


def _run(folder: Path, *arguments: str, typed: str = "", **more: str) -> Result:
    environment: Mapping[str, str] = {"SEPTET_DATA_DIR": str(folder), "SEPTET_IDENTITY_ARGON2_MEMORY": "64", **more}
    return CliRunner().invoke(create_admin, arguments, input=typed, env=environment)


def _administrators(folder: Path) -> list[tuple[str, ...]]:
    return execute(
        f"sqlite:///{folder / 'septet.db'}",
        "SELECT email, role FROM identity_account LEFT JOIN identity_role_grant ON account_id = id ORDER BY email",
    )


def test_a_new_account_with_a_typed_password(tmp_path: Path) -> None:
    result = _run(tmp_path, ADA, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert (result.exit_code, PASSWORD in result.output) == (0, False), result.output
    assert f"{ADA} is an administrator now, with a new account." in result.output
    assert _administrators(tmp_path) == [(ADA, "administrator")]


def test_an_account_that_is_there_keeps_its_password(tmp_path: Path) -> None:
    assert _run(tmp_path, ADA, "--password-stdin", typed=f"{PASSWORD}\n").exit_code == 0
    result = _run(tmp_path, ADA.upper())
    assert (result.exit_code, "with a new account" in result.output) == (0, False), result.output
    assert _administrators(tmp_path) == [(ADA, "administrator")]


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [("no address", PASSWORD, "no e-mail address"), (ADA, "short", "at least 15 characters"), (ADA, "", "at least 15")],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, email: str, password: str, said: str) -> None:
    result = _run(tmp_path, email, "--password-stdin", typed=f"{password}\n")
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert _administrators(tmp_path) == []
