"""`septet dev`: serve, and start again whenever the code, templates or static files of a system change.

The socket is opened here once and handed on from server to server, so that a request which comes while one starts
waits for it and is not refused. A server that fails says why, and the next change starts another.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import click

from septet import settings as reading
from septet.cli.common import load_settings, plain_errors
from septet.cli.listener import open_listeners
from septet.systems import available

_DEBOUNCE, _STEP = 500, 100  # milliseconds: of changes taken together at most, and of quiet that ends them
_LOOK = 200  # milliseconds between looks at the settings file and the server
_PATIENCE = 3.0  # seconds that a server gets to end when another is to start
_TO_CLOSE = 10.0  # seconds beyond draining that it gets in the end


@click.command()
def dev() -> None:
    """Serve in one process, and start again whenever the code, templates or static files of a system change."""
    with plain_errors():
        settings, _ = load_settings()
        (listener,) = open_listeners(settings.host, settings.port, 1)
        Development(listener, settings.data_dir, settings.drain_timeout).run()


class Development:
    """One server after another on `listener`."""

    def __init__(self, listener: socket.socket, data_dir: Path, drain_timeout: float) -> None:
        self._listener = listener
        self._data_dir = data_dir.absolute()
        self._drain_timeout = drain_timeout
        self._folders, self._files = watched()
        self._seen = self._stamps()
        self._server: subprocess.Popen[bytes] | None = None
        self._asked = threading.Event()  # to end
        self._asked_twice = False
        self._lifeline, self._held = os.pipe()  # its end tells the server that we are gone

    def run(self) -> None:
        """Until SIGTERM or Ctrl-C."""
        from watchfiles import DefaultFilter, watch

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._ask())
        self._start(again=False)
        _say(f"watching {', '.join(map(str, [*self._folders, *self._files]))}")
        for changes in watch(
            *self._folders,
            watch_filter=DefaultFilter(ignore_paths=[self._data_dir]),
            debounce=_DEBOUNCE,
            step=_STEP,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            raise_interrupt=False,
            stop_event=self._asked,
        ):
            self._look({Path(path) for _, path in changes})
        self._end(self._drain_timeout + _TO_CLOSE)

    def _ask(self) -> None:
        self._asked_twice = self._asked.is_set()
        self._asked.set()

    def _look(self, changed: set[Path]) -> None:
        """Start another server if something changed; say it if the one that ran has ended."""
        if self._asked.is_set():
            return
        before, self._seen = self._seen, self._stamps()
        changed |= {path for path, stamp in self._seen.items() if stamp != before[path]}
        if changed:
            _say(f"changed: {', '.join(sorted(_shown(path) for path in changed))}")
            self._end(_PATIENCE)
            self._start(again=True)
        elif self._server is not None and (code := self._server.poll()) is not None:
            self._server = None
            _say(f"the server ended ({code}); mend it, and it starts again by itself")

    def _start(self, *, again: bool) -> None:
        # Ctrl-C in a terminal reaches both of us: the server leaves it to us, who pass it on in order.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        handed = (self._listener.fileno(), self._lifeline)
        try:
            self._server = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-m", "septet.cli.dev_server", *map(str, handed), "again" if again else "first"],
                pass_fds=handed,
                # Python tells old byte code by the second and the size of its source: an edit may be quicker.
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def _end(self, patience: float) -> None:
        """Ask the server to end; ask again when patience or the developer's ends, which it obeys at once; then kill."""
        server, self._server = self._server, None
        if server is None:
            return
        for seconds in (patience, 1.0):
            server.terminate()
            until = time.monotonic() + seconds
            while time.monotonic() < until and not (self._asked_twice and seconds == patience):
                if server.poll() is not None:
                    return
                time.sleep(0.02)
        server.kill()
        server.wait()

    def _stamps(self) -> dict[Path, tuple[int, int] | None]:
        """When each watched file was written, and its size. It is looked at by its name, for editors replace files."""
        return {path: _stamp(path) for path in self._files}


def watched() -> tuple[list[Path], list[Path]]:
    """The folders of Septet and of every installed system, and single files: the settings, and systems of one module.

    Nothing is imported: the code may be broken just now.
    """
    folders, files = [], [Path(os.environ.get("SEPTET_CONFIG") or reading.FILE_NAME).absolute()]
    for package in sorted({card.partition(":")[0].partition(".")[0] for card in available().values()} | {"septet"}):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            folders += [Path(folder).absolute() for folder in spec.submodule_search_locations]
        elif spec is not None and spec.origin:
            files.append(Path(spec.origin).absolute())
    return folders, files


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _say(line: str) -> None:
    click.echo(f"septet dev: {line}", err=True)
