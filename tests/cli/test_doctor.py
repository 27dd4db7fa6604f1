"""`septet doctor`: each finding, and its exit code."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from septet.cli import checks
from septet.cli.checks import Check, Verdict
from septet.cli.main import cli
from septet.cli.service_checks import check_clock, check_mail, check_valkey, check_verification
from septet.core.keys import Keyring
from septet.engines.database.moved import mark_moved
from septet.identity.settings import EmailVerification, IdentitySettings
from septet.settings import Settings

Call = Callable[..., Result]
doctor = importlib.import_module("septet.cli.doctor")
OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `septet doctor` in an empty folder, for a server on a free port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEPTET_PORT", "0")
    return lambda *words: CliRunner().invoke(cli, ["doctor", *words])


def verdicts(result: Result) -> list[tuple[str, str]]:
    return [(check["verdict"], check["what"]) for check in msgspec.json.decode(result.output)]


def test_an_empty_folder_is_fine_and_stays_empty(call: Call, tmp_path: Path) -> None:
    result = call("--json")
    assert result.exit_code == 0, result.output
    assert "FAIL" not in [verdict for verdict, _ in verdicts(result)]
    assert ("ok", "systems: identity") in verdicts(result)
    assert list(tmp_path.iterdir()) == []


def test_each_finding_is_a_line_with_what_to_do(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_LIMITS", "off")
    output = call().output
    assert "warn  rate limits are off: passwords can be guessed at full speed\n      → SEPTET_LIMITS=on\n" in output


def test_what_cannot_work_fails_it(call: Call, tmp_path: Path) -> None:
    Keyring.open_file(tmp_path / "data" / "keys")
    (tmp_path / "data" / "keys").chmod(0o644)
    (tmp_path / "data" / "septet.db").write_bytes(b"this is no database" * 100)
    result = call("--json")
    assert result.exit_code == 1
    failed = [what for verdict, what in verdicts(result) if verdict == "FAIL"]
    assert ["chmod 600" in failed[0], "septet.db" in failed[1]] == [True, True]


def test_the_database_is_looked_at(call: Call, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_DATABASE_URL", database_url)
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    before = verdicts(call("--json"))
    migrated = CliRunner().invoke(cli, ["migrate", "up"])
    assert migrated.exit_code == 0, migrated.output
    after = verdicts(call("--json"))
    assert ("ok", f"the {kind} database answers and is up to date") not in before
    assert ("ok", f"the {kind} database answers and is up to date") in after
    if kind == "postgresql":
        assert ("ok", "the database's clock agrees with ours") in after


def test_a_database_that_was_moved_fails_it(call: Call, tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["migrate", "up"]).exit_code == 0
    mark_moved(tmp_path / "data" / "septet.db", "postgresql://ann:s3cr3t@db/septet")
    result = call("--json")
    (failed,) = [what for verdict, what in verdicts(result) if verdict == "FAIL"]
    assert (result.exit_code, "was moved to db/septet: set SEPTET_DATABASE_URL" in failed) == (1, True)


def test_a_terminal_obeys_nothing_that_a_service_says(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_machine", lambda settings: [checks.warn("\x1b[2Jhi\nok", "\x1b[1Athis")])
    assert "warn  ?[2Jhi ok\n      → ?[1Athis\n" in call().output


def test_a_database_that_is_not_there_fails_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_DATABASE_URL", "postgresql://me:s3cr3t@127.0.0.1:1/none")
    result = call("--json")
    assert result.exit_code == 1
    failed = [what for verdict, what in verdicts(result) if verdict == "FAIL"]
    assert "PostgreSQL cannot be reached" in failed[0]
    assert "s3cr3t" not in result.output


def test_a_wrong_setting_ends_it_with_its_name(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_WORKERS", "many")
    result = call()
    assert (result.exit_code, result.output.startswith("septet: SEPTET_WORKERS: ")) == (2, True)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (checks.check_python((3, 11, 0)), OK),
        (checks.check_python((3, 10, 9)), FAIL),
        (checks.check_python((3, 15, 0)), WARN),
        (checks.check_sqlite((3, 34, 1)), FAIL),
        (checks.check_sqlite((3, 51, 2)), WARN),
        (checks.check_sqlite((3, 51, 3)), OK),
        (checks.check_user(0), WARN),
        (checks.check_user(1000), OK),
        (checks.check_workers(3, 2), WARN),
        (checks.check_workers(2, 2), OK),
        (checks.check_open_files(256), WARN),
        (checks.check_open_files(-1), OK),
        (check_clock(0.2), OK),
        (check_clock(-5.0), WARN),
        (check_clock(120.0), FAIL),
    ],
)
def test_findings(check: Check, verdict: Verdict) -> None:
    assert check.verdict is verdict
    assert bool(check.advice) is (verdict is not OK)


def test_the_data_folder(tmp_path: Path) -> None:
    def found(folder: Path, free: int = 1 << 40) -> list[Verdict]:
        return [check.verdict for check in checks.check_data_folder(folder, free)]

    private = tmp_path / "private"
    private.mkdir(0o700)
    assert found(private) == [OK, OK]
    assert found(private, 500 << 20) == [OK, WARN]
    assert found(private, 1 << 20) == [OK, FAIL]
    assert found(tmp_path / "new" / "one") == [OK, OK]
    private.chmod(0o755)
    assert found(private) == [WARN, OK]
    (tmp_path / "file").touch()
    assert found(tmp_path / "file") == [FAIL, OK]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_files_of_another_user_in_the_data_folder(tmp_path: Path) -> None:
    """As `sudo septet …` leaves them: the server can then not open them."""
    folder = tmp_path / "data"
    folder.mkdir(0o700)
    (folder / "keys").touch()
    (folder / "septet.db").touch()
    os.chown(folder, 65_534, -1)
    os.chown(folder / "keys", 65_534, -1)
    found = [check for check in checks.check_data_folder(folder, 1 << 40) if check.verdict is WARN]
    assert [check.what for check in found] == [f"septet.db in {folder} belongs to another user than the folder"]
    assert found[0].advice == f"run: chown -R 65534 {folder}"


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        found = checks.check_port(Settings(port=other.getsockname()[1]))
    assert found.verdict is FAIL
    assert "is taken" in found.what


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [OK]),
        ({"limits": False}, [WARN, OK]),
        ({"host": "0.0.0.0"}, [WARN, WARN]),
        ({"host": "0.0.0.0", "public_url": "https://a.example", "mail_url": "smtps://m.example"}, []),
        ({"public_url": "https://a.example"}, [WARN]),
    ],
)
def test_what_strangers_can_reach(settings: dict[str, Any], expected: list[Verdict]) -> None:
    assert [check.verdict for check in checks.check_exposure(Settings(**settings))] == expected


def test_unverified_addresses() -> None:
    off = {IdentitySettings: IdentitySettings(email_verification=EmailVerification.OFF)}
    assert [check.verdict for check in check_verification(Settings(), off)] == [OK]
    assert [check.verdict for check in check_verification(Settings(host="0.0.0.0"), off)] == [WARN]
    assert check_verification(Settings(host="0.0.0.0"), {IdentitySettings: IdentitySettings()}) == []


async def test_a_mail_server_that_is_not_there() -> None:
    found = await check_mail(Settings(mail_url="smtp://127.0.0.1:1"))
    assert found.verdict is FAIL


async def test_valkey(valkey_url: str) -> None:
    assert await check_valkey(Settings()) == []
    (found,) = await check_valkey(Settings(valkey_url=valkey_url))
    assert (found.verdict, found.what.startswith("Valkey ")) == (OK, True)
    (missing,) = await check_valkey(Settings(valkey_url="redis://:s3cr3t@127.0.0.1:1/0"))
    assert (missing.verdict, "s3cr3t" in missing.what) == (WARN, False)
    (wrong,) = await check_valkey(Settings(valkey_url="redis://127.0.0.1:port/0"))
    assert wrong.verdict is FAIL
