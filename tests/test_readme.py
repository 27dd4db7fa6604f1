"""The README's first calls work as written, in bash with curl, against `septet serve` on an empty folder."""

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

from support.browser import agree
from support.followed import blocks_of
from support.server import serving

ROOT = Path(__file__).parents[1]


@contextmanager
def _running(program: Path, port: int) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, program.name], cwd=program.parent, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _sign_in_with_septet(folder: Path, server: str, program: str) -> str:
    """What the README's application says to who signs in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = folder / "app.py"
    app.write_text(program.replace("http://127.0.0.1:8000", server).replace("5000", str(port)))
    with _running(app, port) as address:
        asked = httpx.get(address)
        back = agree(server, asked.headers["location"], "root@example.com", "seven ravens over the weir")
        assert back.startswith(f"{address}/callback?")
        return httpx.get(back).text


def test_the_first_calls_work_as_written(tmp_path: Path) -> None:
    command = tmp_path / ".venv" / "bin" / "septet"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m septet "$@"\n')
    command.chmod(0o755)
    with serving(tmp_path) as server:
        blocks = [block.text for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "sh"]
        script = "\n".join(blocks).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (program,) = [block.text for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "python"]
        hello = _sign_in_with_septet(tmp_path, f"http://127.0.0.1:{server.port}", program)
    assert hello == "Hello, root@example.com"
    told = done.stdout
    assert '"email":"ann@example.com"' in told
    assert '"name":"Ann Lee"' in told
    last = next(line for line in told.splitlines() if '"code":"unauthenticated"' in line)  # curl ends no line
    refused, by_graphql = last.index('"code":"unauthenticated"'), last.index('{"data":{"readMe":')
    assert refused < by_graphql
    assert last[by_graphql:].startswith(
        '{"data":{"readMe":{"email":"ann@example.com","name":"Ann Lee"},"listSessions":{'
    )
    assert '"name":"Ann Lee"' in last[last.rindex('{"id"') :]
