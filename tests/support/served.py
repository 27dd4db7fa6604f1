"""A Septet that is really served: its own process, loopback; for clients that speak HTTP by themselves.

Identity and the notes beside it, on SQLite, with e-mail verification off so that a client can register by itself,
and with an administrator.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvloop

from septet.app import Septet
from septet.cli.answering import Plan, answer
from septet.cli.listener import open_listeners
from septet.core.floor import FLOOR
from septet.identity.administrators import create_administrator
from septet.identity.settings import EmailVerification, IdentitySettings
from septet.identity.system import IDENTITY
from septet.settings import Settings
from support.sample_system import NOTES_BESIDE_IDENTITY

TESTS = Path(__file__).parents[1]
ADMINISTRATOR = "root@example.com"
PASSWORD = "correct horse battery staple"
STARTS_WITHIN = 20.0  # seconds


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a running server, whose data and log are in `folder`."""
    port = _free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "support.served", str(folder), str(port)],
            cwd=TESTS,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sign_in(url: str, email: str = ADMINISTRATOR) -> str:
    """An access token."""
    answer = httpx.post(f"{url}/v1/identity/sessions", json={"email": email, "password": PASSWORD})
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers, and the administrator is there."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
            sign_in(url)
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def _plan(folder: Path, port: int) -> Plan:
    floor = Settings(data_dir=folder, port=port, limits=False, max_body=65_536, body_timeout=1.0)
    identity = IdentitySettings(
        email_verification=EmailVerification.OFF,
        argon2_memory=64,
        argon2_time=1,
        password_min=8,
        passkey_domain="localhost",
        passkey_origins=(f"http://localhost:{port}",),
    )
    return Plan(floor, {IdentitySettings: identity}, [FLOOR, IDENTITY, NOTES_BESIDE_IDENTITY])


async def _make_administrator(septet: Septet) -> None:
    await create_administrator(septet.runtime.context(), ADMINISTRATOR, PASSWORD)


if __name__ == "__main__":
    (listener,) = open_listeners("127.0.0.1", int(sys.argv[2]), 1)
    uvloop.run(answer(_plan(Path(sys.argv[1]), int(sys.argv[2])), listener, answering=_make_administrator))
