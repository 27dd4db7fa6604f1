"""The load: wrk, on the load's core, with our own few lines of Lua for bodies and ids."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from msgspec import Struct

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 32


class Requests(Struct, frozen=True):
    """What is sent: each of `paths` in turn, over and over."""

    paths: list[str]
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""


class Outcome(Struct, frozen=True):
    """What came back. Latencies are in microseconds; `refused` counts replies of 400 and above."""

    requests: int
    microseconds: int
    p50: float
    p90: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.microseconds * 1e6

    @property
    def errors(self) -> int:
        """Any at all, and the figure says nothing."""
        return self.refused + self.broken


class Load:
    """A running wrk. `finish` waits for it and gives its outcome."""

    def __init__(self, port: int, sent: Requests, seconds: int, connections: int, pause_ms: int) -> None:
        self._paths = tempfile.NamedTemporaryFile("w", suffix=".paths")  # noqa: SIM115 - lives as long as wrk
        self._paths.write("\n".join(sent.paths) + "\n")
        self._paths.flush()
        headers = [part for name, value in sent.headers.items() for part in ("-H", f"{name}: {value}")]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), *headers]
        command += [f"http://127.0.0.1:{port}", "--", sent.method, sent.body, self._paths.name, str(pause_ms)]
        self._wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self) -> Outcome:
        """Raises RuntimeError if wrk itself failed."""
        printed, _ = self._wrk.communicate()
        self._paths.close()
        if self._wrk.returncode != 0:
            raise RuntimeError(f"wrk failed: {printed}")
        return Outcome(**json.loads(printed.strip().splitlines()[-1]))


def begin(port: int, sent: Requests, *, seconds: int, connections: int = CONNECTIONS, pause_ms: int = 0) -> Load:
    """Start a load and go on. With `pause_ms`, each connection waits so long before each of its requests."""
    return Load(port, sent, seconds, connections, pause_ms)


def run(port: int, sent: Requests, *, seconds: int, connections: int = CONNECTIONS) -> Outcome:
    return begin(port, sent, seconds=seconds, connections=connections).finish()
