"""Whose turn it is to write, among the processes that share a SQLite file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Turn:
    """Two file locks: whoever waits at the gate is next, so no process can take turn after turn.

    The kernel lets go of both when a process dies. They belong to the process that opened them: open after fork.
    """

    def __init__(self, path: Path) -> None:
        self._gate = _open(path, "gate")
        self._turn = _open(path, "turn")

    def take(self, *, wait: bool) -> bool:
        """Take the turn. Without `wait`, False if another process has it or is next; with it, blocks the thread."""
        how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.flock(self._gate, how)
            try:
                fcntl.flock(self._turn, how)
            finally:
                fcntl.flock(self._gate, fcntl.LOCK_UN)
        except BlockingIOError:
            return False
        return True

    def give(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._gate)
        os.close(self._turn)


def _open(path: Path, suffix: str) -> int:
    return os.open(f"{path}.{suffix}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
