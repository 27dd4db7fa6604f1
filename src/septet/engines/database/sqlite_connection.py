"""Opening a SQLite file: its pragmas, its mode, and what its errors mean to a caller."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from septet.core.database import ConstraintBroken
from septet.core.errors import Conflict, Invalid, Unavailable

WAL_LIMIT = 64 * 1024 * 1024  # bytes after which the log is restarted, and to which it is then cut
_STEPS_BETWEEN_LOOKS = 50_000  # of SQLite's virtual machine, a few milliseconds
_OPENING_TRIES = 400
_PRAGMAS = (
    "busy_timeout = 0",  # whoever waits gives the event loop free meanwhile
    "journal_mode = wal",
    "synchronous = full",  # a commit is on disk before anybody hears of it
    "foreign_keys = on",
    "temp_store = memory",
    "cache_size = -16000",
    "mmap_size = 0",  # an I/O error is an error and not a SIGBUS
    f"journal_size_limit = {WAL_LIMIT}",
    "trusted_schema = off",
)


class Connection:
    """A connection in autocommit, whose statements end when they take too long."""

    def __init__(self, path: Path, timeout: float, *, writes: bool) -> None:
        self.raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        self.timeout = timeout
        self.until = 0.0  # when the running statement has taken too long
        try:
            for pragma in (*_PRAGMAS, f"wal_autocheckpoint = {4000 if writes else 0}"):
                self._set(pragma)
            if not writes:
                self._set("query_only = on")
        except BaseException:
            self.raw.close()
            raise
        self.raw.set_progress_handler(self._takes_too_long, _STEPS_BETWEEN_LOOKS)

    def _set(self, pragma: str) -> None:
        """Only while another process opens, recovers or leaves the file is it locked, and that is soon over."""
        for tries_left in reversed(range(_OPENING_TRIES)):
            try:
                self.raw.execute(f"PRAGMA {pragma}").fetchall()
                return
            except sqlite3.OperationalError as error:
                if not is_locked(error) or not tries_left:
                    raise
                time.sleep(0.005)

    def _takes_too_long(self) -> bool:
        return time.monotonic() > self.until


def create_private(path: Path) -> None:
    """Make the file and its folder, if they are not there, readable by their owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def is_locked(error: sqlite3.Error) -> bool:
    """Another process holds the file, for a moment or for longer."""
    return _code(error) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_interrupted(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) and _code(error) & 0xFF == sqlite3.SQLITE_INTERRUPT


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def explain(error: Exception, name: str) -> Exception:
    """What the failure of the query `name` is to a caller; `error` itself where it is our bug."""
    if isinstance(error, sqlite3.IntegrityError):
        if _code(error) in (sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_CHECK):
            return ConstraintBroken(f"{name}: {error}")
        return Conflict("This contradicts what is stored.")
    if isinstance(error, UnicodeEncodeError):
        return Invalid("Text holds half of a surrogate pair, which is no character.")
    if isinstance(error, OverflowError):
        return Invalid("A number is too large to be stored.")
    if is_interrupted(error):
        return Unavailable("This took the database too long.")
    if isinstance(error, sqlite3.OperationalError):
        return _explain_operational(error, name)
    return error


def _explain_operational(error: sqlite3.OperationalError, name: str) -> Exception:
    match _code(error) & 0xFF:
        case sqlite3.SQLITE_READONLY if _code(error) == sqlite3.SQLITE_READONLY:
            return RuntimeError(f"{name} writes, in a transaction that only reads")
        case sqlite3.SQLITE_ERROR:
            return error  # wrong SQL, or a table that is not there
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable("The database is locked by another program.")
        case _:
            return Unavailable("The database cannot be read or written now.")
