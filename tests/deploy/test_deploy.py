"""What deploy/ offers: the tools that will read these files find no fault, and Caddy really passes on to Septet."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from septet.settings import Settings
from support.server import PATIENCE, serving, wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
PROGRAMS = Path(sys.executable).parent
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))


def run(*words: str | Path, **environment: str) -> str:
    ran = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_the_containerfile_is_linted() -> None:
    assert run(PROGRAMS / "hadolint", DEPLOY / "Containerfile") == ""


def test_the_containerfile_copies_what_is_there() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]]
    assert copied
    assert [word for word in copied if not (DEPLOY.parent / word).exists()] == []
    assert "USER 10001:10001" in lines


def test_the_caddyfile_is_valid_and_formatted(tmp_path: Path) -> None:
    said = run(
        *(PROGRAMS / "caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"),
        DOMAIN="api.example.org",
        HOME=str(tmp_path),
    )
    assert "Valid configuration" in said
    assert '"level":"warn"' not in said
    run(PROGRAMS / "caddy", "fmt", "--diff", DEPLOY / "Caddyfile")


@contextmanager
def caddy(folder: Path, upstream: int) -> Iterator[str]:
    """Caddy with our Caddyfile, without TLS, in front of Septet on the port `upstream`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    # No port for commands: tests may run beside each other.
    config = (DEPLOY / "Caddyfile").read_text().replace("\tservers {", "\tadmin off\n\tservers {", 1)
    (folder / "Caddyfile").write_text(config)
    process = subprocess.Popen(
        [PROGRAMS / "caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"],
        env={**os.environ, "DOMAIN": address, "UPSTREAM": f"127.0.0.1:{upstream}", "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _accepts(address))
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _accepts(address: str) -> bool:
    try:
        httpx.get(address, timeout=5.0)
    except httpx.TransportError:
        return False
    return True


def test_caddy_passes_on_to_septet(tmp_path: Path) -> None:
    with serving(tmp_path, trusted_proxies="127.0.0.1") as server, caddy(tmp_path, server.port) as address:
        reply = httpx.get(f"{address}/health/ready", timeout=5.0)
        assert (reply.status_code, reply.json()) == (200, {"status": "ready"})
        assert "Server" not in reply.headers
        assert httpx.get(f"{address}/metrics", timeout=5.0).status_code in (401, 403, 404)  # it came by a proxy
        assert server.get("/metrics").status_code == 200  # and this did not


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent, once it has read the body."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())

    do_GET = do_POST

    def log_message(self, format: str, *words: object) -> None:
        """Says nothing."""


def test_caddy_lets_nobody_forge_an_address_nor_send_for_ever(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        Thread(target=upstream.serve_forever, daemon=True).start()
        with caddy(tmp_path, upstream.server_port) as address:
            forged = {"X-Forwarded-For": "198.51.100.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}
            seen = httpx.post(address, headers=forged, content=b"x", timeout=5.0).json()
            assert seen["X-Forwarded-For"] == "127.0.0.1"
            assert seen["X-Forwarded-Host"] == seen["Host"] == address.removeprefix("http://")
            assert seen["X-Forwarded-Proto"] == "http"
            assert httpx.post(address, content=bytes(2 << 20), timeout=5.0).status_code == 200
            assert httpx.post(address, content=bytes((2 << 20) + 1), timeout=5.0).status_code == 413
        upstream.shutdown()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_the_units_are_what_systemd_understands(tmp_path: Path) -> None:
    """On a copy whose program is there; systemd-analyze looks for it."""
    program = tmp_path / "septet"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in UNITS:
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(unit.read_text().replace("/opt/septet/bin/septet", str(program)))
    assert run("systemd-analyze", "verify", "--man=no", *copies) == ""
    score = run("systemd-analyze", "security", "--offline=true", "--threshold=25", tmp_path / "septet.service")
    assert "Overall exposure level" in score


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser


def test_systemd_is_more_patient_than_draining() -> None:
    """Requests, then tasks get `drain_timeout`, and ten seconds are for the rest; then the supervisor kills."""
    service = unit("septet.service")["Service"]
    assert int(service["TimeoutStopSec"]) >= 2 * Settings().drain_timeout + 10
    assert service["Type"] == "notify"


def test_systemd_is_told_once_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with serving(tmp_path, workers=2) as server:
            assert told.recv(100) == b"READY=1"
            assert server.get("/health/ready").status_code == 200
        told.setblocking(False)
        with pytest.raises(BlockingIOError):
            told.recv(100)  # the second worker has nothing to add
