"""How long does one call from the shell take, from exec to exit?

Septet reads one account: `septet call read_account --id …`, by the same path as over REST, as the local administrator.
First with `septet serve` running on the same data folder, which is handed the call: **the aim is for this one alone**.
Then without a server, where the process that calls loads all of Septet and opens the database by itself; no aim is set
for that. Beside them a management command of Django that reads one user and prints it, which has no server to ask, and
what they stand on: an interpreter that does nothing, and one that imports SQLAlchemy with PostgreSQL's dialect, which
Septet's queries are written in. They take turns; medians. The processor time is that of the command, without the
server's share; it tells more than the clock on a machine with company.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from benchmarks.common import (
    ROOT,
    SEPTET,
    Server,
    Table,
    free_port,
    run_command,
    take_load_core,
    verdict,
    write_results,
)
from septet.cli.local_calls import SOCKET

AIM = 0.2  # seconds, for a call with a server running
_TO_OPEN = 30.0  # seconds
DJANGO = "benchmarks.rivals.django_site.settings"
# Development tools bring rich, which structlog then imports; an installation has neither, so neither side gets it.
_NOT_INSTALLED = 'raise ImportError("no part of an installation")\n'


class Taken(Struct, frozen=True):
    """Seconds of one run, by the clock and of the processor."""

    clock: float
    processor: float


class Command(Struct, frozen=True):
    """What is typed, and what must be printed."""

    words: list[str]
    environment: Mapping[str, str]
    prints: str

    def run(self) -> Taken:
        before, start = _used(), time.perf_counter()
        printed = run_command(self.words, self.environment)
        taken = Taken(time.perf_counter() - start, _used() - before)
        if self.prints not in printed:
            raise RuntimeError(f"{self.words}: {printed}")
        return taken


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds = 5 if quick else 31
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder:
        commands = _commands(Path(folder))
        with _serving(Path(folder) / "served"):
            for command in commands.values():
                command.run()  # warm the disk up
            taken: dict[str, list[Taken]] = {name: [] for name in commands}
            for _ in range(rounds):
                for name, command in commands.items():
                    taken[name].append(command.run())
    write_results("command-line", [_table(taken)], about=f"{(__doc__ or '').strip()}\n\n{rounds} rounds.")


@contextmanager
def _serving(data: Path) -> Iterator[None]:
    """`septet serve` on that data folder, once it takes calls of this machine."""
    port = free_port()
    environment = {"SEPTET_DATA_DIR": str(data), "SEPTET_PORT": str(port)}
    server = Server([SEPTET, "serve"], port, log=data.with_suffix(".log"), environment=environment)
    try:
        server.wait_until_ready("/health/ready")
        while not (data / SOCKET).exists():
            if time.perf_counter() - server.started > _TO_OPEN:
                raise RuntimeError("the server takes no calls of this machine")
            time.sleep(0.01)
        yield
    finally:
        server.stop()


def _commands(folder: Path) -> dict[str, Command]:
    site = folder / "site"
    site.mkdir()
    (site / "rich.py").write_text(_NOT_INSTALLED)
    path = {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    return {
        "Septet: septet call read_account, with a server running": _septet(folder / "served", path),
        "Septet: septet call read_account, without a server": _septet(folder / "alone", path),
        "Django: django-admin read_account": _django(folder / "django.db", path),
        "python -c 'import sqlalchemy.dialects.postgresql'": _python("import sqlalchemy.dialects.postgresql", path),
        "python -c pass": _python("pass", path),
    }


def _septet(data: Path, path: Mapping[str, str]) -> Command:
    environment = {**path, "SEPTET_DATA_DIR": str(data)}
    run_command([SEPTET, "migrate", "up"], environment)
    create = [SEPTET, "create-admin", "ada@example.org", "--password-stdin"]
    run_command(create, environment, "a long enough password\n")
    account = json.loads(run_command([SEPTET, "call", "list_accounts"], environment))["items"][0]["id"]
    return Command([SEPTET, "call", "read_account", "--id", account], environment, "ada@example.org")


def _django(file: Path, path: Mapping[str, str]) -> Command:
    environment = {**path, "DJANGO_SETTINGS_MODULE": DJANGO, "ACCOUNTS_FILE": str(file)}
    admin = str(Path(sys.executable).with_name("django-admin"))
    run_command([admin, "migrate", "--verbosity", "0"], environment)
    run_command([admin, "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.org"], environment)
    return Command([admin, "read_account", "1"], environment, "ada@example.org")


def _python(script: str, path: Mapping[str, str]) -> Command:
    return Command([sys.executable, "-c", script], path, "")


def _used() -> float:
    """Seconds of the processor that all ended children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(taken: Mapping[str, list[Taken]]) -> Table:
    rows = []
    septet = statistics.median(one.clock for one in next(iter(taken.values())))
    for name, runs in taken.items():
        clock = [one.clock for one in runs]
        processor = statistics.median(one.processor for one in runs)
        middle = statistics.median(clock)
        figures = [f"{middle * 1000:.0f}", f"{min(clock) * 1000:.0f}", f"{processor * 1000:.0f}"]
        rows.append([name, *figures, f"{septet / middle:.2f}"])
    return Table(
        "One call, from exec to exit",
        ["", "ms, median", "ms, least", "ms of the processor", "with a server / this"],
        rows,
        [f"Aimed for: less than {AIM * 1000:.0f} ms with a server running; {verdict(septet < AIM)}."],
    )


if __name__ == "__main__":
    run()
