"""What commands share: settings from all their sources, errors said plainly, and the event loop.

This module and what it imports stay light, so that a command is there at once: no SQLAlchemy, no server.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import click
from msgspec import Struct

from septet import settings as reading
from septet.cli.streams import give_up_output
from septet.core.terminal import on_one_line
from septet.settings import Settings, WrongSettingError
from septet.systems import available

T = TypeVar("T")
FAILED = 1  # the exit code of a command that could not do its work
WRONG_USE = 2  # that of one that was called, or set up, in a way that cannot work


class Sources(Struct, frozen=True):
    """Where settings come from, and which there are: `kinds` by prefix, the floor's under ""."""

    environment: Mapping[str, str]
    file: Mapping[str, Any]
    path: Path
    kinds: Mapping[str, type[Struct]]


def read_sources() -> Sources:
    """The environment and the settings file. Raises WrongSettingError for a setting that there is not."""
    path = Path(os.environ.get("SEPTET_CONFIG") or reading.FILE_NAME)
    if os.environ.get("SEPTET_CONFIG") and not path.exists():
        raise WrongSettingError(f"SEPTET_CONFIG: there is no file {path}")
    sources = Sources(os.environ, reading.read_file(path), path, settings_kinds())
    reading.refuse_unknown(sources.kinds, sources.environment, sources.file)
    return sources


def load_settings() -> tuple[Settings, dict[type[Struct], Struct]]:
    """The floor's settings, and each system's by its type. Raises WrongSettingError, naming the first wrong one."""
    sources = read_sources()
    floor = reading.load(Settings, sources.environment, sources.file)
    of_systems = {
        kind: reading.load(kind, sources.environment, sources.file, prefix=prefix)
        for prefix, kind in sources.kinds.items()
        if prefix
    }
    return floor, of_systems


def settings_kinds() -> dict[str, type[Struct]]:
    """The settings Structs of the floor and of every installed system, by prefix.

    A system keeps its own as the one Struct in the module `settings` beside its card, so that they can be read
    without loading the system.
    """
    kinds: dict[str, type[Struct]] = {"": Settings}
    for name, card in sorted(available().items()):
        package = card.partition(":")[0].rpartition(".")[0]
        found = _settings_in(f"{package}.settings")
        if found is not None:
            kinds[name] = found
    return kinds


def _settings_in(module_name: str) -> type[Struct] | None:
    if importlib.util.find_spec(module_name) is None:
        return None
    module = importlib.import_module(module_name)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == module_name
    ]
    if len(found) != 1:
        raise TypeError(f"{module_name} has {len(found)} Structs; it needs the one that holds the system's settings")
    return found[0]


class Failure(click.ClickException):
    """What is wrong in one line, as `fail` says it; also raised where a server must not leave for it."""

    exit_code = WRONG_USE

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"septet: {on_one_line(self.message)}", file=file, err=True)


def fail(message: str, code: int = WRONG_USE) -> NoReturn:
    """Say what is wrong in one line and leave."""
    click.echo(f"septet: {on_one_line(message)}", err=True)
    raise SystemExit(code)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what people can put right into one line and an exit code, instead of a traceback."""
    try:
        yield
    except WrongSettingError as error:
        fail(str(error))
    except BrokenPipeError:  # our reader left, as `| head` does
        give_up_output()
        raise SystemExit(FAILED) from None
    except Exception as error:
        said = _for_people(error)
        if said is None:
            raise
        fail(said, FAILED)


def _for_people(error: Exception) -> str | None:
    """What a person reads of it: a problem of the domain, of migrating or of backups, or of files; else None."""
    if isinstance(error, OSError):
        return _about_a_file(error)
    from septet.core.errors import Problem
    from septet.engines.database.manifest import ArchiveError
    from septet.engines.database.revisions import MigrationError

    if isinstance(error, (Problem, MigrationError, ArchiveError)):
        return str(error)
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is not None and isinstance(error, sqlite3.Error):
        return _about_the_database(error)
    return None


def _about_a_file(error: OSError) -> str | None:
    reason = error.strerror or str(error)
    if error.filename is not None and not isinstance(error.filename, int):
        return f"{os.fsdecode(error.filename)}: {reason}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        give_up_output()
        return f"nothing can be written: {reason}"
    return None


def _about_the_database(error: Exception) -> str | None:
    """Of the file and its folder, and not of our SQL."""
    import sqlite3

    of_the_file = (
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_FULL),
        *(sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR),
    )
    found = getattr(error, "sqlite_errorcode", 0) & 0xFF in of_the_file
    return f"the database cannot be used: {error}" if found else None


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """For a command that is over before there is garbage worth looking for: loading it takes a third less time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_async(body: Callable[[], Coroutine[Any, Any, T]], settings: Settings | None = None) -> T:
    """Run an asynchronous command body in an event loop of its own, with logs as the settings say."""
    import uvloop

    from septet.logs import set_up_logs

    set_up_logs(for_people=(settings or load_settings()[0]).for_people)
    return uvloop.run(body())
