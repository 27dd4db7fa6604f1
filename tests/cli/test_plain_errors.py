"""What a person can put right is said in a line, whatever a command is run on: never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from septet.cli import handing_over, main
from septet.cli.main import cli
from support.people import PASSWORD

Call = Callable[..., Result]
SEPTET = [sys.executable, "-c", "from septet.cli.main import main; main()"]
MAKES_FILES = {
    "migrate": ("migrate", "up"),
    "create-admin": ("create-admin", "ann@example.org", "--password-stdin"),
    "worker": ("worker",),
    "restore": ("restore", "none.tar.gz"),
    "backup": ("backup",),
}


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `septet` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words, **how: CliRunner().invoke(cli, words, **how)


def typed(folder: Path, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    return subprocess.run(
        [*SEPTET, *words], check=False, cwd=folder, env=environment, timeout=30, **{"stdin": subprocess.DEVNULL, **how}
    )


@pytest.mark.parametrize("words", MAKES_FILES.values(), ids=MAKES_FILES)
def test_a_data_folder_that_is_a_file(words: tuple[str, ...], call: Call, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("precious")
    result = call(*words)
    assert result.exit_code != 0
    assert (result.output.count("\n"), result.output[:8]) == (1, "septet: "), result.output
    assert "data" in result.output or "none.tar.gz" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_only_looks_makes_nothing(call: Call, tmp_path: Path) -> None:
    for words in (("mail",), ("mail", "show"), ("mail", "clear"), ("restore", "none.tar.gz"), ("verify", "none")):
        call(*words)
        assert list(tmp_path.iterdir()) == [], words


def test_a_database_that_cannot_be_opened(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data" / "septet.db").mkdir(parents=True)
    for words in (("migrate", "status"), ("migrate", "up"), ("call", "list_accounts"), ("backup",), ("tasks", "list")):
        result = call(*words)
        assert (result.exit_code, result.output.count("\n"), result.output[:8]) == (1, 1, "septet: "), result.output


def test_before_the_first_start_it_says_what_makes_a_database(call: Call) -> None:
    for words in (("call", "list_accounts"), ("explain", "read_me"), ("tasks", "count")):
        result = call(*words)
        assert (result.exit_code, "there is no database yet" in result.output) == (1, True), result.output


def test_a_command_that_is_misspelt_is_guessed(call: Call) -> None:
    assert "Did you mean serve?" in call("srve").output
    assert "Did you mean" not in call("zzz").output


def test_without_a_terminal_no_password_is_asked_for(tmp_path: Path) -> None:
    done = typed(tmp_path, "create-admin", "ann@example.org", text=True, capture_output=True, start_new_session=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "septet: there is no terminal to ask for a password: give --password-stdin and pipe it in"
    )
    assert "Warning" not in done.stderr


def test_a_password_that_is_not_utf_8_is_refused(call: Call) -> None:
    raw = PASSWORD.encode() + b"\xe9\n"
    result = call("create-admin", "ann@example.org", "--password-stdin", input=raw)
    assert (result.exit_code, "this is not UTF-8" in result.output) == (2, True), result.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("words", [("settings",), ("call",)])
def test_an_output_that_is_full(words: tuple[str, ...], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = typed(tmp_path, *words, text=True, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert done.stderr == "septet: nothing can be written: No space left on device\n"


def test_outputs_that_are_closed_are_no_files_of_ours(tmp_path: Path) -> None:
    """The next file that is opened would have their number, and what is printed would stand in it."""
    assert typed(tmp_path, "migrate", "up", text=True, capture_output=True).returncode == 0
    for closed in ("1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        words = ["sh", "-c", f'exec "$0" "$@" {closed}', *SEPTET]
        for command in (("backup", "made.tar.gz"), ("call",), ("--version",)):
            done = subprocess.run([*words, *command], cwd=tmp_path, capture_output=True, timeout=30, check=False)
            assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (closed, command, done)
        assert typed(tmp_path, "verify", "made.tar.gz", text=True, capture_output=True).returncode == 0
        (tmp_path / "made.tar.gz").unlink()


@pytest.mark.parametrize(("wish", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_those_who_want_them(wish: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    """https://no-color.org"""
    terminal, output = os.openpty()
    with open(terminal, "rb", buffering=0) as shown, open(output, "wb") as writing:
        environment = {**os.environ, "SEPTET_PORT": "0", **wish}
        subprocess.run([*SEPTET, "doctor"], cwd=tmp_path, env=environment, stdout=writing, timeout=30, check=False)
        assert (b"\x1b[" in shown.read(4096)) is coloured


def test_ctrl_c_while_a_call_is_handed_over(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted(words: object) -> int:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    monkeypatch.setattr(handing_over, "hand_over", interrupted)
    monkeypatch.setattr(sys, "argv", ["septet", "call", "read_me"])
    umask = os.umask(0o077)
    try:
        with pytest.raises(SystemExit) as ending:
            main.main()
    finally:
        os.umask(umask)
    assert (ending.value.code, capfd.readouterr().err) == (1, "Aborted!\n")


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_what_is_to_be_committed_has_the_mode_that_the_user_wants(mask: int, tmp_path: Path) -> None:
    """Everything else is for nobody but its owner."""
    done = typed(tmp_path, "new-system", "library", "--noun", "book", text=True, capture_output=True, umask=mask)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "library" / "pyproject.toml").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "library" / "src").stat().st_mode & 0o777 == 0o777 & ~mask
    assert typed(tmp_path, "migrate", "up", text=True, capture_output=True, umask=mask).returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_nothing_of_the_current_folder_is_run(tmp_path: Path) -> None:
    """Where anybody may write, anybody could leave a module of that name."""
    (tmp_path / "ruff.py").write_text("open('ran', 'w').close()\n")
    done = typed(tmp_path, "new-system", "library", "--noun", "book", text=True, capture_output=True)
    assert (done.returncode, (tmp_path / "ran").exists()) == (0, False), done.stderr
