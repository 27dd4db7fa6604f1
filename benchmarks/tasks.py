"""How many tasks a second are stored, each in a transaction with a note, and run meanwhile by the one worker?

One process on the server's core stores and runs; PostgreSQL runs on the other. A task writes a row. Every commit is
on disk before it counts, and every side must end with no task left and each effect there once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, convert

from benchmarks.common import ROOT, SERVER_CORE, Table, take_load_core, verdict, write_results
from benchmarks.postgres import Postgres, postgres
from benchmarks.task_sides.side import ALONE, CLIENTS, RUNNERS

RATE = 2000  # tasks a second, at least
RATIO = 3.0  # over procrastinate, at least


class Contestant(Struct, frozen=True):
    name: str
    module: str
    tasks: int  # so many that a run takes a few seconds
    on_postgresql: bool


class Pace(Struct, frozen=True):
    rate: float
    stored: float
    cpu: float
    wait: float


SEPTET_SQLITE = Contestant("SQLite: Septet", "septet", 20_000, on_postgresql=False)
BARE_SQLITE = Contestant("SQLite: bare sqlite3", "bare_sqlite", 40_000, on_postgresql=False)
SEPTET = Contestant("PostgreSQL: Septet", "septet", 8000, on_postgresql=True)
RIVAL = Contestant("PostgreSQL: procrastinate", "rival", 1500, on_postgresql=True)
BARE = Contestant("PostgreSQL: bare asyncpg", "bare_postgresql", 8000, on_postgresql=True)
ALL = (SEPTET_SQLITE, BARE_SQLITE, SEPTET, RIVAL, BARE)


def run(*, quick: bool = False) -> None:
    """Measure and write the results."""
    take_load_core()
    rounds = 1 if quick else 5
    paces: defaultdict[Contestant, list[Pace]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, postgres() as server:
        for number in range(rounds):
            for contestant in ALL:
                pace = _measure(contestant, server, Path(folder) / f"{contestant.module}-{number}", quick)
                paces[contestant].append(pace)
                print(f"  {contestant.name:27}{pace.rate:9,.0f}/s {pace.cpu:6.0f} µs {pace.wait:6.2f} ms", flush=True)
    medians = {contestant: _median(found) for contestant, found in paces.items()}
    about = f"{CLIENTS} clients store, {RUNNERS} tasks run at once; {rounds} rounds in turn, medians."
    tables = [_figures(medians), _ratios(medians)]
    write_results("tasks", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def _measure(contestant: Contestant, server: Postgres, folder: Path, quick: bool) -> Pace:
    """One run, in a process of its own, on a database of its own."""
    url = server.new_database() if contestant.on_postgresql else ""
    tasks = contestant.tasks // 8 if quick else contestant.tasks
    side = [sys.executable, "-m", "benchmarks.task_sides.side", contestant.module, url, str(folder), str(tasks)]
    done = subprocess.run(
        ["taskset", "--cpu-list", str(SERVER_CORE), *side], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120
    )
    return convert(json.loads(done.stdout.splitlines()[-1]), Pace)


def _median(found: Sequence[Pace]) -> Pace:
    return Pace(**{name: statistics.median(getattr(pace, name) for pace in found) for name in Pace.__struct_fields__})


def _figures(medians: dict[Contestant, Pace]) -> Table:
    rows = []
    for contestant, pace in medians.items():
        figures = [f"{pace.rate:,.0f}", f"{pace.stored:,.0f}", f"{pace.cpu:.0f}", f"{pace.wait:.2f}"]
        rows.append([contestant.name, *figures])
    notes = [
        "“Stored” is the rate until all were stored, while the worker already ran: one that prefers storing has more "
        f"left to run then. “Begins after” is the median of {ALONE} tasks stored one by one, from commit to beginning.",
        "procrastinate ends a job in another transaction than the task's, so a kill between them repeats it, and it "
        "stores at READ COMMITTED; Septet does both in one SERIALIZABLE transaction. The bare sides claim and end "
        "tasks, and nothing else: no names, types, order, retries, leases or schedules.",
    ]
    columns = ["", "tasks/s, stored and run", "stored/s", "CPU µs/task", "begins after, ms"]
    return Table("Stored in transactions and run", columns, rows, notes)


def _ratios(medians: dict[Contestant, Pace]) -> Table:
    rivalry = medians[SEPTET].rate / medians[RIVAL].rate
    rows = [
        ["PostgreSQL: Septet / procrastinate", f"{rivalry:.1f}", f"{RATIO:g}", verdict(rivalry >= RATIO)],
        ["PostgreSQL: Septet / bare asyncpg", f"{medians[SEPTET].rate / medians[BARE].rate:.2f}", "", ""],
        ["SQLite: Septet / bare sqlite3", f"{medians[SEPTET_SQLITE].rate / medians[BARE_SQLITE].rate:.2f}", "", ""],
    ]
    for contestant in (SEPTET, SEPTET_SQLITE):
        rate = medians[contestant].rate
        rows.append([f"{contestant.name}, tasks/s", f"{rate:,.0f}", f"{RATE:,}", verdict(rate >= RATE)])
    return Table("Against the aims", ["", "", "aim", ""], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    run(quick=parser.parse_args().quick)
