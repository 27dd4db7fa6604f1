"""`septet serve` as one process: it starts on nothing, says where to look, and ends without cutting anybody off."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from pathlib import Path
from socket import socket

import pytest
from click.testing import CliRunner

from septet import __version__
from septet.cli.main import cli
from support.server import PATIENCE, Server, serving, started, wait_until

BODY = b'{"email": "ann@example.com", "password": "correct horse battery staple", "name": "Ann"}'
HEAD = (
    b"POST /v1/identity/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)


def begin_slow_request(server: Server) -> contextlib.closing[socket]:
    """A request whose body is still on its way; the server waits for the rest."""
    connection = server.connect()
    connection.sendall(HEAD + BODY[:20])
    # The request that asks is counted too.
    wait_until(lambda: "septet_http_requests_running 2.0" in server.get("/metrics").text)
    return contextlib.closing(connection)


def test_it_starts_on_an_empty_folder_and_says_where_to_look(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.get("/health/ready").json() == {"status": "ready"}
        said = server.logged("septet answers")[0]
        assert said["version"] == __version__
        assert said["documentation"] == f"{server.address}/docs"
        assert said["database"] == f"sqlite:///{tmp_path / 'data' / 'septet.db'}"
        assert "administrator" in server.said
        data = tmp_path / "data"
        assert data.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o077 for path in data.rglob("*") if path.stat().st_mode & 0o077} == {}
        assert {path.name for path in tmp_path.iterdir()} == {"data", "output"}
        assert server.stop() == 0
    assert "Traceback" not in server.said


def test_people_read_it_as_lines(tmp_path: Path) -> None:
    with started(tmp_path, log_format="text", limits="off") as server:
        wait_until(lambda: "rate limits are off" in server.said)
        assert re.search(r"^Septet \S+ answers at http://127\.0\.0\.1:\d+$", server.said, re.M)
        assert server.stop(signal.SIGINT) == 0


def test_a_request_that_runs_is_answered_before_it_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as server, begin_slow_request(server) as slow:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(server))
        assert server.process.poll() is None
        slow.sendall(BODY[20:])
        reply = slow.recv(65536)
        assert reply.startswith(b"HTTP/1.1 202")
        assert server.process.wait(PATIENCE) == 0


def test_a_request_that_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path, drain_timeout=0.3) as server, begin_slow_request(server):
        before = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - before < 5
    assert server.logged("requests were cut off: they ran longer than stopping may take")


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server, begin_slow_request(server):
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(server))
        before = time.monotonic()
        assert server.stop(signal.SIGINT) == 1
        assert time.monotonic() - before < 2


def test_a_port_that_is_taken_is_said_with_who_has_it_and_which_is_free(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "one") as server:
        for workers in (1, 2):
            with started(tmp_path / "other", port=server.port, workers=workers) as other:
                assert other.process.wait(PATIENCE) == 2
            assert f"port {server.port} is taken" in other.said
            assert re.search(r"Take another: SEPTET_PORT=\d+", other.said)
            if Path("/proc/net/tcp").exists():
                assert f"(process {server.process.pid})" in other.said
        assert server.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SEPTET_PORT", "eighty", "SEPTET_PORT: "),
        ("SEPTET_PROT", "8000", "SEPTET_PROT: there is no such setting"),
        ("SEPTET_HOST", "no.such.host.invalid", "SEPTET_HOST: "),
        ("SEPTET_IDENTITY_ACCESS_MINUTES", "0", "SEPTET_IDENTITY_ACCESS_MINUTES: "),
        ("SEPTET_DATABASE_URL", "mysql://localhost", "SEPTET_DATABASE_URL: "),
        ("SEPTET_CONFIG", "nowhere.toml", "SEPTET_CONFIG: "),
    ],
)
def test_a_wrong_setting_names_itself(variable: str, value: str, complaint: str) -> None:
    result = CliRunner().invoke(cli, ["serve"], env={variable: value})
    assert result.exit_code == 2
    assert result.output.startswith(f"septet: {complaint}")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"keys": "k1:c2hvcnQ="}, "SEPTET_KEYS: key 1 (k1): 5 bytes are too few"),
        ({"mail_url": "http://localhost", "workers": 2}, "SEPTET_MAIL_URL: "),
        ({"data_dir": "output/data"}, "SEPTET_DATA_DIR: output/data cannot be made"),
    ],
)
def test_one_that_is_known_only_when_it_is_used_does_too(
    tmp_path: Path, settings: dict[str, object], complaint: str
) -> None:
    with started(tmp_path, **settings) as server:
        assert server.process.wait(PATIENCE) == 2
    assert server.said.splitlines()[-1].startswith(f"septet: {complaint}")
    assert "Traceback" not in server.said


def test_a_database_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with started(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none") as server:
        assert server.process.wait(PATIENCE) == 1
    assert server.said.startswith("septet: PostgreSQL cannot be reached")
    assert "Traceback" not in server.said


def _accepts(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return False
    return True
