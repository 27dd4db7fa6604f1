"""What `septet call` and a running server say to one another: a line of JSON each way, on a socket in the data folder.

A server does a call for another process only where that process would do the same by itself: with the same release,
the same installation and no settings of its own. Whatever reads the caller's files or input stays with the caller.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from septet import __version__

SOCKET = "septet.sock"  # in the data folder
MOST_BYTES = 1_048_576  # that a call may have


class Terminals(Struct, frozen=True):
    """Which of the outputs a person reads, and how wide theirs is."""

    stdout: bool = False
    stderr: bool = False
    columns: int = 80


class Said(Struct, frozen=True):
    """All that a command says."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0


class Caller(Struct, frozen=True):
    """What would make a difference between two processes that do the same call.

    `settings_file` tells one state of one file from all others; None if there is no file.
    """

    release: str
    installation: str
    settings_file: tuple[int, int, int, int] | None

    def does_the_same_as(self, server: Caller) -> bool:
        alike = (self.release, self.installation) == (server.release, server.installation)
        return alike and self.settings_file in (None, server.settings_file)


class Ask(Struct, frozen=True):
    """The words behind `septet call`. The reply is a Said, or null if the caller has to do it."""

    caller: Caller
    words: list[str]
    terminals: Terminals


def this_process(settings_file: Path) -> Caller:
    try:
        found = settings_file.stat()
    except OSError:
        return Caller(__version__, sys.prefix, None)
    return Caller(__version__, sys.prefix, (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size))


def settings_path(default: str) -> Path:
    return Path(os.environ.get("SEPTET_CONFIG") or default)


def reads_the_callers(words: Sequence[str]) -> bool:
    """Whether one of the words may stand for a file or for standard input."""
    return any(word == "-" or word.startswith("@") or "=@" in word or "=-" in word for word in words)
