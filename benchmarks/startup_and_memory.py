"""How soon is a server ready, what does it hold when idle, and does it grow over 200,000 requests?

Ready: from its exec to its first 200, on a warm disk and with the tables there already; the first start, which makes
them, is shown beside. Memory counts all of a server's processes, RSS and PSS (shared pages divided among those who
share them). The 200,000 requests are reads, lists and creates in turn. Before them, enough creates warm the server up
that SQLite's page caches are full (16 MB a connection, which is a limit and not growth).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks import load
from benchmarks.common import Memory, Table, take_load_core, verdict, write_results
from benchmarks.contestants import Contestant, FastApi, PocketBase, Septet

READY_AIM, IDLE_AIM, GROWTH_AIM = 1.0, 90.0, 3.0
SETTLE_SECONDS = 3
KINDS: Sequence[type[Contestant]] = (Septet, PocketBase, FastApi)
Turn = Sequence[tuple[str, int]]  # questions, and seconds of each, over and over
WARM_UP: Turn = [("create", 4)]
TURN: Turn = [("read", 2), ("list", 1), ("create", 1)]


class Life(Struct, frozen=True):
    """One server's life: seconds to ready, megabytes, and what was asked of it."""

    first_ready: float
    ready: float
    idle: Memory
    warm: Memory
    last: Memory
    requests: int
    errors: int

    @property
    def growth(self) -> float:
        """Megabytes of RSS more after the last request than after the warm-up."""
        return self.last.rss - self.warm.rss


def run(*, quick: bool = False) -> None:
    take_load_core()
    starts, warm_up, requests = (2, 2_000, 10_000) if quick else (7, 60_000, 200_000)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder:
        lives = {
            kind.name: _life(
                kind(Path(folder) / kind.name), starts, *((warm_up, requests) if kind is Septet else (1, 1))
            )
            for kind in KINDS
        }
    about = f"{starts} starts, medians; {warm_up:,} creates to warm Septet up, one turn of each for its rivals. SQLite."
    write_results("startup-and-memory", _tables(lives), about=f"{(__doc__ or '').strip()}\n\n{about}")


def _life(contestant: Contestant, starts: int, warm_up: int, requests: int) -> Life:
    first_ready = contestant.start()
    contestant.stop()
    taken = []
    for _ in range(starts):
        taken.append(contestant.start())
        contestant.stop()
    contestant.start()
    try:
        time.sleep(SETTLE_SECONDS)
        idle = contestant.server.memory()
        contestant.fill(100)
        _ask(contestant, WARM_UP, warm_up)
        time.sleep(SETTLE_SECONDS)
        warm = contestant.server.memory()
        asked, errors = _ask(contestant, TURN, requests)
        time.sleep(SETTLE_SECONDS)
        return Life(first_ready, statistics.median(taken), idle, warm, contestant.server.memory(), asked, errors)
    finally:
        contestant.stop()


def _ask(contestant: Contestant, turn: Turn, at_least: int) -> tuple[int, int]:
    """Ask at least so many requests; how many it were, and how many went wrong."""
    asked = errors = 0
    while asked < at_least:
        sent = contestant.questions()
        for question, seconds in turn:
            outcome = load.run(contestant.server.port, sent[question], seconds=seconds)
            asked, errors = asked + outcome.requests, errors + outcome.errors
        print(f"  {contestant.name:12} {asked:9,} requests, {contestant.server.memory()}", flush=True)
    return asked, errors


def _tables(lives: dict[str, Life]) -> list[Table]:
    rows: list[Sequence[str]] = []
    for name, life in lives.items():
        idle, warm = life.idle, life.warm
        held = [f"{idle.rss:.0f} / {idle.pss:.0f}", f"{warm.rss:.0f} / {warm.pss:.0f}", str(idle.processes)]
        rows.append([name, f"{life.first_ready:.2f}", f"{life.ready:.2f}", *held])
    columns = ["", "first start, s", "ready, s", "idle RSS / PSS, MB", "warm RSS / PSS, MB", "processes"]
    septet = lives[Septet.name]
    requests = f"{septet.requests:,} requests, {septet.errors} errors"
    aims: list[Sequence[str]] = [
        ["ready, s", f"{septet.ready:.2f}", f"under {READY_AIM}", verdict(septet.ready < READY_AIM)],
        ["idle RSS, MB", f"{septet.idle.rss:.0f}", f"under {IDLE_AIM:.0f}", verdict(septet.idle.rss < IDLE_AIM)],
        [
            f"growth over {requests}, MB",
            f"{septet.growth:+.1f}",
            f"under {GROWTH_AIM:.0f}",
            verdict(septet.growth < GROWTH_AIM and not septet.errors),
        ],
    ]
    return [
        Table("Start and memory", columns, rows),
        Table("Septet", ["", "measured", "aim", ""], aims),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few starts and requests")
    run(quick=parser.parse_args().quick)
