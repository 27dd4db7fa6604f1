"""When the disk takes 5 ms longer for each fsync, how many reads a second are left while others create?

Every server gets the same trickle of creates beside the reads: 8 connections, each of which waits 20 ms between its
creates. What is kept is the rate of reads under that trickle on the slow disk, over the rate without any creates.
PocketBase is a static binary, into which no slower fsync can be loaded, and does not wait for the disk anyway.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks import load
from benchmarks.common import Table, take_load_core, verdict, write_results
from benchmarks.contestants import Bare, Contestant, FastApi, Septet

SOURCE = Path(__file__).with_name("slow_disk.c")
DELAY_MS = 5
CREATORS, PAUSE_MS = 8, 20
AIM = 0.8
KINDS: Sequence[type[Contestant]] = (Septet, FastApi, Bare)


class Rates(Struct, frozen=True):
    """Reads a second alone and beside creates, and the creates a second that came through."""

    alone: float
    beside: float
    creates: float
    errors: int


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (3, 4)
    found: dict[tuple[str, str], list[Rates]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder:
        disks: dict[str, Mapping[str, str]] = {"as it is": {}, "5 ms slower": {"LD_PRELOAD": _build(Path(folder))}}
        for number in range(rounds):
            for kind in KINDS:
                for disk, environment in disks.items():
                    place = Path(folder) / f"{kind.name}-{number}-{len(environment)}"
                    rates = _measure(kind(place, environment=environment), seconds, slow=bool(environment))
                    print(f"  {kind.name:8} {disk:12} {rates}", flush=True)
                    found[kind.name, disk].append(rates)
    about = f"{load.CONNECTIONS} reading connections, {rounds} rounds of {seconds} s a point, medians. SQLite."
    write_results("slow-fsync", [_table(found)], about=f"{(__doc__ or '').strip()}\n\n{about}")


def _build(folder: Path) -> str:
    """The slow disk as a library; needs gcc."""
    library = folder / "slow_disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return str(library)


def _measure(contestant: Contestant, seconds: int, *, slow: bool) -> Rates:
    contestant.start()
    try:
        contestant.fill(200)
        sent = contestant.questions()
        if slow:
            _require_slowness(contestant)
        port = contestant.server.port
        load.run(port, sent["read"], seconds=1)
        alone = load.run(port, sent["read"], seconds=seconds)
        creating = load.begin(port, sent["create"], seconds=seconds, connections=CREATORS, pause_ms=PAUSE_MS)
        beside = load.run(port, sent["read"], seconds=seconds)
        creates = creating.finish()
        return Rates(alone.rate, beside.rate, creates.rate, alone.errors + beside.errors + creates.errors)
    finally:
        contestant.stop()


def _require_slowness(contestant: Contestant) -> None:
    """Raise RuntimeError unless a create takes the 5 ms, without which this would measure nothing."""
    start = time.perf_counter()
    contestant.call("POST", contestant.create_path, contestant.new_note())
    if time.perf_counter() - start < DELAY_MS / 1000:
        raise RuntimeError(f"{contestant.name}: the slower fsync was not loaded, or a create does not wait for it")


def _table(found: Mapping[tuple[str, str], Sequence[Rates]]) -> Table:
    rows: list[Sequence[str]] = []
    for (name, disk), rates in found.items():
        if errors := sum(one.errors for one in rates):
            rows.append([f"{name}, disk {disk}", f"invalid: {errors} errors", "", "", "", ""])
            continue
        kept = statistics.median(one.beside / one.alone for one in rates)
        reached = verdict(kept >= AIM) if name == "Septet" else ""
        middle = [statistics.median(getattr(one, field) for one in rates) for field in ("alone", "beside", "creates")]
        rows.append([f"{name}, disk {disk}", *(f"{rate:,.0f}" for rate in middle), f"{kept:.0%}", reached])
    columns = ["", "reads/s alone", "reads/s beside creates", "creates/s", "kept", f"aim {AIM:.0%}"]
    return Table("Reads while others create", columns, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    run(quick=parser.parse_args().quick)
