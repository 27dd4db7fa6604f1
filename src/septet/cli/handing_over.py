"""`septet call`, handed to the server that runs on the same data folder: a fraction of the time that loading takes.

A call is done in this process, as if there were no server, if
- no server listens in the data folder, or it is of another release, installation or settings file;
- the environment holds settings other than SEPTET_DATA_DIR and SEPTET_CONFIG, as the server may have others;
- a value is read from a file or standard input, which are the caller's.

It is never done twice: once the server has all of it, this process waits, and says so if the outcome stays unknown.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from septet import settings as reading
from septet.cli.local_calls import (
    MOST_BYTES,
    SOCKET,
    Ask,
    Said,
    Terminals,
    reads_the_callers,
    settings_path,
    this_process,
)
from septet.cli.streams import give_up_output
from septet.core.terminal import printable
from septet.settings import Settings, WrongSettingError

_LOCATIONS = {"SEPTET_DATA_DIR", "SEPTET_CONFIG"}  # the only settings that a server cannot have otherwise
_TO_SEND = 1.0  # seconds
_FAILED = 1  # the exit code where its words cannot be written, as that of every command
_WIDEST = 1 << 16  # bytes read at once


def hand_over(words: Sequence[str]) -> int | None:
    """Let the server do `septet call` with these words, and say what it says. None if it is left to this process."""
    if reads_the_callers(words) or _has_own_settings(os.environ) or not _writes_utf8():
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _send(connection, words)
            said = _reply(connection)
    except (OSError, WrongSettingError, UnicodeEncodeError, _LeftToUsError):
        return None
    return _say_unknown() if said is None else _say(said)


class _LeftToUsError(Exception):
    """The server did not do it, and will not."""


def _has_own_settings(environment: Mapping[str, str]) -> bool:
    return any(name.startswith("SEPTET_") and name not in _LOCATIONS for name in environment)


def _writes_utf8() -> bool:
    """Otherwise, or with an output closed, there is more to printing than passing bytes on."""
    return all(out is not None and out.encoding.lower() == "utf-8" for out in (sys.stdout, sys.stderr))


def _send(connection: socket.socket, words: Sequence[str]) -> None:
    """Raises if the server does not have all of it, and so will do nothing."""
    path = settings_path(reading.FILE_NAME)
    caller = this_process(path)  # before it is read: a change meanwhile is noticed
    door = _data_folder(path) / SOCKET
    if os.geteuid() not in (0, door.stat().st_uid):
        raise _LeftToUsError
    terminals = Terminals(sys.stdout.isatty(), sys.stderr.isatty(), shutil.get_terminal_size().columns)
    line = msgspec.json.encode(Ask(caller, list(words), terminals)) + b"\n"
    if len(line) > MOST_BYTES:
        raise _LeftToUsError
    connection.settimeout(_TO_SEND)
    connection.connect(str(door))
    connection.sendall(line)
    connection.settimeout(None)


def _data_folder(settings_file: Path) -> Path:
    environment = {name: value for name, value in os.environ.items() if name == "SEPTET_DATA_DIR"}
    return reading.load(Settings, environment, reading.read_file(settings_file)).data_dir


def _reply(connection: socket.socket) -> Said | None:
    """None if it ends before it is whole, or if we are interrupted. Raises _LeftToUsError if the server declines."""
    received = bytearray()
    try:
        while part := connection.recv(_WIDEST):
            received += part
        said = msgspec.json.decode(received, type=Said | None)
    except (OSError, msgspec.DecodeError, KeyboardInterrupt):
        return None
    if said is None:
        raise _LeftToUsError
    return said


def _say(said: Said) -> int:
    try:
        for out, text in ((sys.stderr, said.stderr), (sys.stdout, said.stdout)):
            # A server words it for our terminal, but it need not be our own user's, nor do what servers do.
            out.buffer.write((printable(text) if out.isatty() else text).encode())
            out.flush()
    except BrokenPipeError:  # our reader left, as `| head` does
        give_up_output()
        return _FAILED
    except OSError as error:
        give_up_output()
        sys.stderr.write(f"septet: nothing can be written: {error.strerror or error}\n")
        return _FAILED
    return said.exit_code


def _say_unknown() -> int:
    from septet.cli.outcomes import Outcome, tell
    from septet.core.errors import Unavailable

    ended = "The server had the call, and ended before it replied: whether it was done is unknown."
    return tell(Outcome(problem=Unavailable(ended)), verbose=False)
