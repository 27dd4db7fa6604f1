"""How many authenticated reads by key, lists of 20 and durable creates a second, on one core, beside the rivals?

Every create is on disk when it is answered (SQLite synchronous=FULL in WAL mode, PostgreSQL's defaults), except
PocketBase's: it ships with synchronous=NORMAL, which does not wait for the disk at a commit, and cannot be told
otherwise. It also ships with a log of all requests, which costs it a third of its reads: it is shown with and
without, and the aims are against the quicker.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common import Table, take_load_core, write_results
from benchmarks.compare import Figures, compare, figures_table, ratios_table
from benchmarks.contestants import ON_POSTGRESQL, ON_SQLITE, Contestant
from benchmarks.load import CONNECTIONS
from benchmarks.postgres import postgres

QUESTIONS = ("read", "list", "create")
SQLITE_AIMS = {
    ("read", "PocketBase"): 2.5,
    ("read", "FastAPI"): 15,
    ("read", "bare"): 0.65,
    ("list", "PocketBase"): 2.5,
    ("create", "PocketBase"): 2,
    ("create", "FastAPI"): 10,
}
POSTGRESQL_AIMS = {("read", "FastAPI"): 4.0, ("create", "FastAPI"): 4.0}
NOTES = (
    "FastAPI verifies the JWT at each call; PocketBase verifies it, loads its account and applies the collection's "
    "rules; bare authenticates nobody. Reads walk through the ids of all rows that were created first. "
    "Percentages under “busy” below 95 say that something other than the server's core set the pace.",
)


def run(*, quick: bool = False, only: Sequence[str] = ()) -> None:
    """Measure and write the results. `only` names contestants, for a look while working on one."""
    take_load_core()
    rounds, seconds, rows = (1, 2, 300) if quick else (3, 4, 2000)
    tables: list[Table] = []
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, postgres() as server:
        chosen = [kind for kind in ON_SQLITE if not only or kind.name in only]
        figures = _side_by_side(Path(folder) / "sqlite", chosen, lambda: "", rounds, seconds, rows)
        tables += _tables("SQLite", figures, SQLITE_AIMS)
        chosen = [kind for kind in ON_POSTGRESQL if not only or kind.name in only]
        figures = _side_by_side(Path(folder) / "postgresql", chosen, server.new_database, rounds, seconds, rows)
        tables += _tables("PostgreSQL", figures, POSTGRESQL_AIMS)
    about = f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s a point, medians; {rows:,} rows to begin with."
    write_results("read-list-create", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def _side_by_side(
    folder: Path,
    kinds: Sequence[type[Contestant]],
    new_database: Callable[[], str],
    rounds: int,
    seconds: int,
    rows: int,
) -> Figures:
    with ExitStack() as running:
        contestants = []
        for kind in kinds:
            contestant = kind(folder / kind.name, new_database())
            contestant.start()
            running.callback(contestant.stop)
            contestant.fill(rows)
            contestants.append(contestant)
        return compare(contestants, QUESTIONS, rounds=rounds, seconds=seconds)


def _tables(where: str, figures: Figures, aims: Mapping[tuple[str, str], float]) -> list[Table]:
    tables = [figures_table(f"{where}", figures, NOTES)]
    if any(name == "Septet" for _, name in figures):
        tables.append(ratios_table(f"{where}: Septet over its rivals", figures, aims))
    return tables


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", nargs="*", default=(), help="contestants, by name")
    options = parser.parse_args()
    run(quick=options.quick, only=options.only)
