"""A real `septet serve`, as a process of its own on a free port and an empty data folder."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from support.processes import children_of

PATIENCE = 15.0  # seconds, for a crowded machine


class Server:
    """`said` is all that the process wrote so far."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The JSON lines of that event."""
        lines = [line for line in self.said.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
        return [line for line in map(msgspec.json.decode, lines) if line["event"] == event]

    @property
    def address(self) -> str:
        return str(self.logged("septet answers")[0]["address"])

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def workers(self) -> list[int]:
        """The ids of its child processes."""
        return children_of(self.process.pid)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, timeout=5.0)

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.process.poll() is not None or bool(self.logged("septet answers")))
        assert self.process.poll() is None, self.said

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5.0)


@contextlib.contextmanager
def started(folder: Path, **settings: object) -> Iterator[Server]:
    """`septet serve` with `settings` as SEPTET_ variables; killed at the end with its workers if it still runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    chosen = {"data_dir": folder / "data", "port": 0, "log_format": "json", **settings}
    environment |= {f"SEPTET_{name.upper()}": str(value) for name, value in chosen.items()}
    output = folder / "output"
    with output.open("wb") as writing:
        process = subprocess.Popen(
            [sys.executable, "-c", "from septet.cli.main import main; main()", "serve"],
            cwd=folder,
            env=environment,
            stdout=writing,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, output)
    try:
        yield server
    finally:
        for pid in [*server.workers(), process.pid] if process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(PATIENCE)


@contextlib.contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Server]:
    """The same, once it answers."""
    with started(folder, **settings) as server:
        server.wait_until_ready()
        yield server


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Look again and again, for what another process does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.01)
