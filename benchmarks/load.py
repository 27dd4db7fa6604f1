"""The load: wrk, on the load's core, with our own few lines of Lua for bodies and ids."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

SCRIPT = Path(__file__).with_name("load.lua")
REFRESHES = Path(__file__).with_name("refreshes.lua")
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

    def __init__(
        self,
        port: int,
        script: Path,
        lines: Sequence[str],
        words: Sequence[str],
        *,
        seconds: int,
        connections: int,
        headers: Mapping[str, str],
    ) -> None:
        """`lines` reach the script in a file, whose name comes before `words` among its arguments."""
        self._lines = tempfile.NamedTemporaryFile("w", suffix=".lines")  # noqa: SIM115 - lives as long as wrk
        self._lines.write("\n".join(lines) + "\n")
        self._lines.flush()
        named = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), *named]
        command += [f"http://127.0.0.1:{port}", "--", self._lines.name, *words]
        self._wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self) -> Outcome:
        """Raises RuntimeError if wrk itself failed."""
        printed, _ = self._wrk.communicate()
        self._lines.close()
        if self._wrk.returncode != 0:
            raise RuntimeError(f"wrk failed: {printed}")
        return Outcome(**json.loads(printed.strip().splitlines()[-1]))


def begin(port: int, sent: Requests, *, seconds: int, connections: int = CONNECTIONS, pause_ms: int = 0) -> Load:
    """Start a load and go on. With `pause_ms`, each connection waits so long before each of its requests."""
    words = [sent.method, sent.body, str(pause_ms)]
    return Load(port, SCRIPT, sent.paths, words, seconds=seconds, connections=connections, headers=sent.headers)


def run(port: int, sent: Requests, *, seconds: int, connections: int = CONNECTIONS) -> Outcome:
    return begin(port, sent, seconds=seconds, connections=connections).finish()


def run_refreshes(port: int, path: str, tokens: Sequence[str], *, seconds: int, connections: int) -> Outcome:
    """Exchange refresh tokens, each once: `tokens` first, more than there are connections, then what comes back."""
    headers = {"Content-Type": "application/json"}
    load = Load(port, REFRESHES, tokens, [path], seconds=seconds, connections=connections, headers=headers)
    return load.finish()
