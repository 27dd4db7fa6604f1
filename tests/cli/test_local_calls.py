"""`septet call` beside a server: the server does it, and says what the calling process would have said by itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from septet.cli import handing_over, local_calls, local_door
from septet.cli.handing_over import hand_over
from septet.cli.local_calls import MOST_BYTES, SOCKET, Caller, Said
from support.people import PASSWORD
from support.server import Server, serving, wait_until

# Types `septet`, and tells whether this process did the work: only then is any of this loaded.
TYPED = """
import sys
from septet.cli.main import main
sys.argv[0] = "septet"
try:
    main()
finally:
    loaded = {"sqlalchemy", "structlog", "septet.cli.call"} & set(sys.modules)
    print("here" if loaded else "there", file=open("done", "w"))
"""
IN_PROCESS = {"SEPTET_LOG_FORMAT": "json"}  # a setting that the server might have otherwise


class Done(Struct, frozen=True):
    stdout: str
    stderr: str
    exit_code: int
    where: str = ""  # "here" or "there"


def typed(folder: Path, *words: str, given: str = "", **environment: str) -> Done:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    done = subprocess.run(
        [sys.executable, "-c", TYPED, *words],
        cwd=folder,
        env={**kept, **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Done(done.stdout, done.stderr, done.returncode, (folder / "done").read_text().strip())


def call(folder: Path, *words: str, given: str = "", **environment: str) -> Done:
    return typed(folder, "call", *words, given=given, **environment)


@contextlib.contextmanager
def with_door(folder: Path, **settings: object) -> Iterator[Server]:
    with serving(folder, **settings) as server:
        wait_until(lambda: is_open(folder))
        yield server


def is_open(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trying:
        return trying.connect_ex(str(folder / "data" / SOCKET)) == 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process as one that calls, in a folder whose data folder is there."""
    for name in [name for name in os.environ if name.startswith("SEPTET_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def without_request_id(done: Done) -> tuple[str, str, int]:
    lines = [json.loads(line) if line.startswith("{") else line for line in done.stderr.splitlines()]
    said = [{**line, "request_id": ""} if isinstance(line, dict) else line for line in lines]
    return done.stdout, repr(said), done.exit_code


CASES = {
    "done": (("list_accounts", "--limit", "1"), 0),
    "nothing to say, by an option before the name": (("--as", "ann@example.org", "read-me"), 0),
    "a problem": (("read_me",), 3),
    "as nobody": (("list_accounts", "--anonymous"), 3),
    "with a token": (("read_me", "--token", "of-nobody"), 3),
    "not found": (("read_account", "--id", "00000000-0000-0000-0000-000000000000"), 5),
    "invalid": (("list_accounts", "--limit", "0"), 7),
    "as somebody who is not there": (("list_accounts", "--as", "zoe@example.org"), 2),
    "no such option": (("list_accounts", "--limmit", "1"), 2),
    "wrong JSON": (("list_accounts", "--json", "[1]"), 2),
    "two who ask": (("list_accounts", "--anonymous", "--as", "ann@example.org"), 2),
    "help": (("list_accounts", "--help"), 0),
    "help of the command": (("--help",), 0),
    "the list of operations": ((), 0),
}


def test_the_server_says_what_the_process_would_have_said(tmp_path: Path) -> None:
    with with_door(tmp_path) as server:
        made = typed(tmp_path, "create-admin", "ann@example.org", "--password-stdin", given=f"{PASSWORD}\n")
        assert made.exit_code == 0, made.stderr
        for name, (words, code) in CASES.items():
            there, here = call(tmp_path, *words), call(tmp_path, *words, **IN_PROCESS)
            assert (there.where, here.where, there.exit_code) == ("there", "here", code), (name, there, here)
            assert without_request_id(there) == without_request_id(here), name
            assert there.stdout or there.stderr, name
        assert server.stop() == 0
    assert "Traceback" not in server.said
    assert not (tmp_path / "data" / SOCKET).exists()


def test_a_key_makes_it_happen_once_and_files_stay_with_the_caller(tmp_path: Path) -> None:
    (tmp_path / "name.txt").write_text("Ann Lee\n")
    with with_door(tmp_path):
        typed(tmp_path, "create-admin", "ann@example.org", "--password-stdin", given=f"{PASSWORD}\n")
        words = ("change_me", "--as", "ann@example.org", "--name", "Ann", "--idempotency-key", "k1", "--verbose")
        first, second = call(tmp_path, *words), call(tmp_path, *words)
        assert (first.where, second.where, first.stdout) == ("there", "there", second.stdout)
        assert "RateLimit-Policy: " in first.stderr
        replayed = "Idempotent-Replayed: true"
        assert (replayed in first.stderr, replayed in second.stderr) == (False, True)
        for value, given in (("@name.txt", ""), ("-", "Ann Lee")):
            changed = call(tmp_path, "change_me", "--as", "ann@example.org", "--name", value, given=given)
            assert (changed.where, json.loads(changed.stdout)["name"]) == ("here", "Ann Lee")
        assert call(tmp_path, "no_such_operation").where == "here"  # it might be of a system that is newer


def test_only_the_owner_of_the_folder_may_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o777)
    with with_door(tmp_path):
        mode = (tmp_path / "data" / SOCKET).stat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    one, other = socket.socketpair()
    with one, other:
        assert local_door.peer_of(one) in (os.geteuid(), None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [local_door.may_call(uid) for uid in (1000, 0, 1001, None)] == [True, True, False, True]


def test_rubbish_is_nothing_to_the_server(tmp_path: Path) -> None:
    with with_door(tmp_path) as server:
        for rubbish in (b"", b"{}\n", b"\xff\n", b'{"words": [', b"x" * (MOST_BYTES + 2), b"[" * 100_000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as stranger, contextlib.suppress(OSError):
                stranger.connect(str(tmp_path / "data" / SOCKET))
                stranger.sendall(rubbish)
                stranger.shutdown(socket.SHUT_WR)
                assert stranger.recv(100) in (b"", b"null")
        assert call(tmp_path, "list_accounts").where == "there"
        assert server.stop() == 0
    assert "Traceback" not in server.said


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    with with_door(tmp_path) as server:
        server.stop(signal.SIGKILL)
    assert (tmp_path / "data" / SOCKET).exists()
    alone = call(tmp_path, "list_accounts")
    assert (alone.where, alone.exit_code) == ("here", 0)
    with with_door(tmp_path):
        assert call(tmp_path, "list_accounts").where == "there"


def test_one_of_the_workers_has_it(tmp_path: Path) -> None:
    with with_door(tmp_path, workers=2) as server:
        wait_until(lambda: len(server.workers()) == 2)
        for victim in server.workers():
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda gone=victim: gone not in server.workers() and is_open(tmp_path))
            assert call(tmp_path, "list_accounts").where == "there"
        assert server.stop() == 0


def test_a_call_is_never_done_twice(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = handing_over._reply
    with with_door(here) as server:
        assert hand_over(["list_accounts"]) == 0
        assert json.loads(capfd.readouterr().out)["items"] == []
        server.process.send_signal(signal.SIGSTOP)  # it has the call, and does not get to it

        def killing(connection: socket.socket) -> object:
            server.stop(signal.SIGKILL)
            return reply(connection)

        monkeypatch.setattr(handing_over, "_reply", killing)
        assert hand_over(["list_accounts"]) == 9
        said = json.loads(capfd.readouterr().err)
        assert (said["code"], "whether it was done is unknown" in said["detail"]) == ("unavailable", True)
        assert hand_over(["list_accounts"]) is None  # now it is known that there is no server


@pytest.mark.parametrize(("reply", "code"), [(b"", 9), (b'{"stdout": "half', 9), (b"null", None)])
def test_what_a_reply_means(here: Path, reply: bytes, code: int | None, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here / "data" / SOCKET))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as reading:
                reading.readline()
                connection.sendall(reply)

        answering = threading.Thread(target=answer)
        answering.start()
        assert hand_over(["list_accounts"]) == code
        answering.join()
    assert capfd.readouterr().out == ""


def test_a_terminal_obeys_nothing_that_a_server_of_another_user_says(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Root takes the reply of whoever owns the folder."""
    said = Said(stdout="\x1b[2Jmade\n", stderr="\x9bAsure\n")
    assert handing_over._say(said) == 0
    assert capfd.readouterr() == (said.stdout, said.stderr)  # a program gets what there is
    for out in (sys.stdout, sys.stderr):
        monkeypatch.setattr(out, "isatty", lambda: True)
    assert handing_over._say(said) == 0
    assert capfd.readouterr() == ("?[2Jmade\n", "?Asure\n")


def test_a_process_does_it_itself_where_a_server_might_do_otherwise(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hand_over(["list_accounts"]) is None  # no server
    with with_door(here):
        assert hand_over(["list_accounts"]) == 0
        with monkeypatch.context() as other_settings:
            other_settings.setenv("SEPTET_DATABASE_URL", "sqlite:///other.db")
            assert hand_over(["list_accounts"]) is None
        with monkeypatch.context() as other_release:
            other_release.setattr(local_calls, "__version__", "0.0.9")
            assert hand_over(["list_accounts"]) is None
        (here / "septet.toml").write_text('database_url = "sqlite:///other.db"\n')
        assert hand_over(["list_accounts"]) is None
        assert hand_over(["list_accounts", "x" * MOST_BYTES]) is None


def test_which_callers_do_the_same_as_a_server() -> None:
    server = Caller("1.0", "/venv", (1, 2, 3, 4))
    alike = [Caller("1.0", "/venv", file) for file in ((1, 2, 3, 4), None, (1, 2, 9, 4))]
    assert [caller.does_the_same_as(server) for caller in alike] == [True, True, False]
    assert not Caller("1.1", "/venv", None).does_the_same_as(server)
    assert not Caller("1.0", "/other", None).does_the_same_as(server)


def test_a_path_too_long_for_a_socket_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    with serving(folder) as server:
        assert (call(folder, "list_accounts").where, server.stop()) == ("here", 0)
    assert "Traceback" not in server.said
