"""Processes that write as fast as they can, to be killed, and what must be true of their rows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from support.sql import execute

_PROGRAM = Path(__file__).with_name("storm_process.py")


class Storm:
    """One such process, and what it says that it stored."""

    def __init__(self, url: str, seconds: float, said: IO[bytes], errors: IO[bytes]) -> None:
        self._said = said
        self._errors = errors
        self.process = subprocess.Popen([sys.executable, _PROGRAM, url, str(seconds)], stdout=said, stderr=errors)

    def acknowledged(self) -> set[UUID]:
        """The ids of all rows that it was told are stored."""
        self._said.seek(0)
        return {UUID(line.decode().strip()) for line in self._said if line.endswith(b"\n")}

    def began(self) -> bool:
        return self._said.seek(0, 2) > 0

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode()


@contextmanager
def storm(url: str, seconds: float = 60.0) -> Iterator[Storm]:
    with tempfile.TemporaryFile("a+b") as said, tempfile.TemporaryFile("a+b") as errors:
        running = Storm(url, seconds, said, errors)
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
