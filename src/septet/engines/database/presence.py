"""Who uses a SQLite file: many at once, or one alone who replaces, deletes or leaves it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

from septet.core.errors import Unavailable

PATIENCE = 5.0  # seconds that a start waits for whoever is alone with the file
_PAUSE = 0.05


class Presence:
    """A file lock beside the database, shared by all who have it open; the kernel lets go of it when a process dies.

    The turn to write (`turns.py`) comes and goes; this is held from the first look at the file until the last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(f"{path}.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    async def enter(self) -> None:
        """Be one of the users of the file. Raises Unavailable while somebody is alone with it, and stays so."""
        until = time.monotonic() + PATIENCE
        while not self._take(fcntl.LOCK_SH):
            if time.monotonic() > until:
                self.close()
                raise Unavailable(f"`septet restore`, `reset` or `move` is at work on {self._path}.")
            await asyncio.sleep(_PAUSE)

    def enter_alone(self) -> bool:
        """Keep everybody else out; False if somebody uses the file."""
        return self._take(fcntl.LOCK_EX)

    def close(self) -> None:
        os.close(self._descriptor)

    def _take(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
