"""Other processes, as the system tells of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def children_of(pid: int) -> list[int]:
    """The processes that `pid` started and that still run, or wait to be buried by it."""
    return sorted(child for child, parent in _parents() if parent == pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent: from /proc, or by ps where there is none."""
    if not (PROC / "self" / "stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        yield from ((int(child), int(parent)) for child, parent in map(str.split, listed.splitlines()))
        return
    for process in PROC.glob("[0-9]*"):
        try:
            behind_the_name = (process / "stat").read_text(errors="replace").rpartition(")")[2]
        except OSError:  # it just ended
            continue
        yield int(process.name), int(behind_the_name.split()[1])
