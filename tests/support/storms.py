"""Processes that write as fast as they can, to be killed, and what must be true of their rows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from support.sql import execute

_PROGRAM = Path(__file__).with_name("storm_process.py")


class Storm:
    """One such process, and what it says that it stored."""

    def __init__(self, url: str, seconds: float, folder: Path) -> None:
        self._said = folder / "said"
        self._errors = folder / "errors"
        # Only the process has these open: reading in the same open file would move the place where it writes.
        with self._said.open("wb") as said, self._errors.open("wb") as errors:
            self.process = subprocess.Popen([sys.executable, _PROGRAM, url, str(seconds)], stdout=said, stderr=errors)

    def acknowledged(self) -> set[UUID]:
        """The ids of all rows that it was told are stored."""
        lines = self._said.read_bytes().splitlines(keepends=True)
        return {UUID(line.decode().strip()) for line in lines if line.endswith(b"\n")}

    def began(self) -> bool:
        return self._said.stat().st_size > 0

    def errors(self) -> str:
        return self._errors.read_text()


@contextmanager
def storm(url: str, seconds: float = 60.0) -> Iterator[Storm]:
    with tempfile.TemporaryDirectory() as folder:
        running = Storm(url, seconds, Path(folder))
        try:
            yield running
        finally:
            running.process.kill()
            running.process.wait()


def wait_until_it_writes(running: Storm) -> None:
    until = time.monotonic() + 20
    while not running.began():
        assert running.process.poll() is None, running.errors()
        assert time.monotonic() < until
        time.sleep(0.01)


def assert_stored(url: str, acknowledged: set[UUID]) -> int:
    """Every acknowledged row is there, and no transaction is there by half. Gives the number of rows."""
    # One statement: on PostgreSQL a last COMMIT of the process that was killed may be under way.
    rows = execute(url, "SELECT thing.id, part.id FROM thing LEFT JOIN part ON part.thing_id = thing.id")
    assert acknowledged <= {_uuid(thing) for thing, _ in rows}
    assert all(part is not None for _, part in rows)
    return len(rows)


def _uuid(value: UUID | bytes) -> UUID:
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(str(value))
