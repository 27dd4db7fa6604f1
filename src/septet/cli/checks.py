"""What `septet doctor` looks at on the machine itself: Python, folders, files, port, cores, and risky settings."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from msgspec import Struct

from septet.cli.listener import holder_of, open_listeners
from septet.core import keys
from septet.core.keys import Keyring
from septet.settings import Settings, WrongSettingError

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)  # that the tests run on
OLDEST_SQLITE = (3, 35, 0)  # since which it has RETURNING
SQLITE_WAL_BUG = ((3, 7, 0), (3, 51, 2))  # two processes that restart the log at once can corrupt the file
_LITTLE_DISK, _NO_DISK = 1 << 30, 50 << 20  # bytes
_FEW_FILES = 4096


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Check(Struct, frozen=True):
    """What was looked at and found, and what to do about it."""

    verdict: Verdict
    what: str
    advice: str = ""


def ok(what: str) -> Check:
    return Check(Verdict.OK, what)


def warn(what: str, advice: str) -> Check:
    return Check(Verdict.WARN, what, advice)


def fail(what: str, advice: str) -> Check:
    return Check(Verdict.FAIL, what, advice)


def check_machine(settings: Settings) -> list[Check]:
    return [
        check_python(sys.version_info[:3]),
        *([check_sqlite(_sqlite_version())] if settings.database_kind == "sqlite" else []),
        check_user(os.geteuid()),
        *check_data_folder(settings.data_dir, _free_bytes(settings.data_dir)),
        check_keys(settings),
        check_port(settings),
        check_workers(settings.workers, os.cpu_count() or 1),
        check_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        *check_exposure(settings),
    ]


def check_python(version: tuple[int, ...]) -> Check:
    name = ".".join(map(str, version))
    if version[:2] > NEWEST_PYTHON:
        return warn(f"Python {name} is newer than those that Septet was tested on", "use Python 3.14, or try it")
    if version[:2] < OLDEST_PYTHON:
        return fail(f"Python {name} is too old", "use Python 3.11 or newer")
    return ok(f"Python {name}")


def check_sqlite(version: tuple[int, ...]) -> Check:
    name = ".".join(map(str, version))
    if version < OLDEST_SQLITE:
        return fail(f"SQLite {name} is too old", "use a Python built with SQLite 3.35 or newer, or PostgreSQL")
    if SQLITE_WAL_BUG[0] <= version <= SQLITE_WAL_BUG[1]:
        return warn(
            f"SQLite {name} has a bug that can corrupt a file which several processes write",
            "Septet's processes take turns and keep clear of it; let no other program write septet.db",
        )
    return ok(f"SQLite {name}")


def check_user(user: int) -> Check:
    if user == 0:
        return warn("this runs as root", "run it as a user of its own, who owns nothing but the data folder")
    return ok("this does not run as root")


def check_data_folder(folder: Path, free: int) -> Iterator[Check]:
    shown = folder.resolve()
    if folder.is_dir():
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield fail(f"the data folder {shown} cannot be written", "give it to the user who runs Septet")
        elif folder.stat().st_mode & 0o077:
            yield warn(f"others may look into the data folder {shown}", f"run: chmod 700 {shown}")
        else:
            yield ok(f"the data folder is {shown}")
        yield from _check_owners(folder, shown)
    elif folder.exists() or not os.access(_nearest_folder(folder), os.W_OK | os.X_OK):
        yield fail(f"the data folder {shown} cannot be made", "name another in SEPTET_DATA_DIR")
    else:
        yield ok(f"the data folder {shown} will be made at first start")
    amount = f"{free / (1 << 30):.1f} GB are free there"
    if free < _NO_DISK:
        yield fail(amount, "make room: without it every change is refused")
    elif free < _LITTLE_DISK:
        yield warn(amount, "make room before it runs out")
    else:
        yield ok(amount)


def _check_owners(folder: Path, shown: Path) -> Iterator[Check]:
    """As `sudo septet …` leaves files behind that the server's user can then not open."""
    owner = folder.stat().st_uid
    try:
        others = sorted(entry.name for entry in os.scandir(folder) if entry.stat(follow_symlinks=False).st_uid != owner)
    except OSError:  # it may not be read, which is told already, or a file just went away
        return
    if others:
        yield warn(
            f"{', '.join(others)} in {shown} belongs to another user than the folder", f"run: chown -R {owner} {shown}"
        )


def check_keys(settings: Settings) -> Check:
    path = settings.data_dir / keys.FILE_NAME
    try:
        if settings.keys:
            return ok(f"{len(Keyring.parse(settings.keys).ids)} secret keys in SEPTET_KEYS")
        if not path.exists():
            return ok("the secret keys will be made at first start")
        return ok(f"{len(Keyring.open_file(path).ids)} secret keys in {path}; keep a backup of them")
    except WrongSettingError as error:
        return fail(str(error), "without its keys Septet does not start")


def check_port(settings: Settings) -> Check:
    if settings.port == 0:
        return ok("some free port will be taken")
    where = f"{settings.host} port {settings.port}"
    if _septet_answers(settings):
        return ok(f"Septet answers on {where}")
    try:
        for opened in open_listeners(settings.host, settings.port, 1):
            opened.close()
    except WrongSettingError as error:
        holder = holder_of(settings.port)
        return fail(str(error), "take another port, or end the other program" if holder else "correct the setting")
    return ok(f"{where} is free")


def check_workers(workers: int, cores: int) -> Check:
    if workers > cores:
        return warn(
            f"{workers} workers share {cores} cores", f"SEPTET_WORKERS={cores} answers as much with less memory"
        )
    return ok(f"{workers} of {cores} cores answer requests")


def check_open_files(most: int) -> Check:
    if most != resource.RLIM_INFINITY and most < _FEW_FILES:
        return warn(f"a process may open {most} files, and a connection is one", "raise it: ulimit -n, or LimitNOFILE=")
    return ok("a process may open enough files")


def check_exposure(settings: Settings) -> Iterator[Check]:
    """Settings that are for trials, judged by who can reach this server."""
    if not settings.limits:
        yield warn("rate limits are off: passwords can be guessed at full speed", "SEPTET_LIMITS=on")
    if is_loopback(settings.host) and not settings.public_url:
        yield ok("only this machine can reach the server")
        return
    if not settings.base_url.startswith("https://"):
        yield warn(
            "people reach this server unencrypted, or links in mails name the wrong address",
            "put a proxy with TLS in front, and set SEPTET_PUBLIC_URL=https://… and SEPTET_TRUSTED_PROXIES",
        )
    if not settings.mail_url:
        yield warn("mail stays on this machine, so nobody gets their code", "set SEPTET_MAIL_URL")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _septet_answers(settings: Settings) -> bool:
    from http.client import HTTPConnection, HTTPException

    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - not listened on
    connection = HTTPConnection(host, settings.port, timeout=1.0)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().read(100) == b'{"status":"live"}'
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _nearest_folder(path: Path) -> Path:
    return next(parent for parent in path.resolve().parents if parent.is_dir())


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder if folder.is_dir() else _nearest_folder(folder)).free


def _sqlite_version() -> tuple[int, ...]:
    import sqlite3

    return sqlite3.sqlite_version_info
