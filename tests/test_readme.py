"""The README's first calls work as written, in bash with curl, against `septet serve` on an empty folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEPTET = [sys.executable, "-m", "septet"]
STARTS_WITHIN = 20.0


def test_the_first_calls_work_as_written(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = tmp_path / ".venv" / "bin" / "septet"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {" ".join(SEPTET)} "$@"\n')
    command.chmod(0o755)
    with _serving(tmp_path, port):
        blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        script = "\n".join(blocks).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert '"email":"ann@example.com"' in told
    assert '"name":"Ann Lee"' in told
    assert '"code":"unauthenticated"' in told.splitlines()[-1]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[None]:
    """`septet serve` as a newcomer runs it, but for the port."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*SEPTET, "serve"],
            cwd=folder,
            env={**_environment(), "SEPTET_PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError((folder / "server.log").read_text())
        yield
    finally:
        process.terminate()
        process.wait(20)
