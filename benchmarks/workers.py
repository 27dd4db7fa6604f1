"""What does a second worker cost: processor time a request with two processes, over that with one?

Both share the server's one core, so this shows what sharing costs (locks, wakings, the database's own turns), and not
what a second core would gain.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common import Sample, Table, median_of, take_load_core, verdict, write_results
from benchmarks.compare import measure
from benchmarks.contestants import Septet
from benchmarks.load import Requests
from benchmarks.postgres import postgres

AIM = 1.2
_LEAST_SHARE = 0.15  # of the processor time, for a worker that takes part
WORKERS = (1, 2)
QUESTIONS = ("read", "create")
Samples = dict[tuple[str, str, int], list[Sample]]  # by database, question and workers


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (3, 4)
    samples: Samples = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, postgres() as server:
        _measure(samples, "SQLite", Path(folder) / "sqlite", ["", ""], rounds, seconds)
        urls = [server.new_database() for _ in WORKERS]
        _measure(samples, "PostgreSQL", Path(folder) / "postgresql", urls, rounds, seconds)
    about = f"{rounds} rounds of {seconds} s a point, medians of processor time a request."
    write_results("workers", [_table(samples)], about=f"{(__doc__ or '').strip()}\n\n{about}")


def _measure(samples: Samples, database: str, folder: Path, urls: Sequence[str], rounds: int, seconds: int) -> None:
    with ExitStack() as running:
        contestants: dict[int, Septet] = {}
        for workers, url in zip(WORKERS, urls, strict=True):
            septet = Septet(folder / str(workers), url, {"SEPTET_WORKERS": str(workers)})
            contestants[workers] = septet
            septet.start()
            running.callback(septet.stop)
            septet.fill(500)
        for _ in range(rounds):
            sent = {workers: contestant.questions() for workers, contestant in contestants.items()}
            for question in QUESTIONS:
                for workers, contestant in contestants.items():
                    _warm_up(contestant, sent[workers][question], workers)
                    sample = measure(contestant.server, sent[workers][question], seconds=seconds)
                    print(f"  {database} {question:7} {workers}: {sample.rate:,.0f}/s {sample.cpu:.0f} µs", flush=True)
                    samples[database, question, workers].append(sample)


def _warm_up(contestant: Septet, sent: Requests, workers: int) -> None:
    """Raises RuntimeError unless each worker did its part, or this would not measure what it says."""
    before = contestant.server.cpu_by_process()
    measure(contestant.server, sent, seconds=1)
    used = sorted(seconds - before[pid] for pid, seconds in contestant.server.cpu_by_process().items())
    if used[-workers] < _LEAST_SHARE * sum(used):
        raise RuntimeError(f"{workers} workers, but the processes used {used} s of processor time")


def _table(samples: Samples) -> Table:
    rows: list[Sequence[str]] = []
    for database, question in dict.fromkeys((database, question) for database, question, _ in samples):
        one, two = (samples[database, question, workers] for workers in WORKERS)
        label = f"{database}, {question}"
        if errors := median_of(one).errors + median_of(two).errors:
            rows.append([label, f"invalid: {errors} errors", "", "", "", "", ""])
            continue
        ratio = statistics.median(second.cpu / first.cpu for first, second in zip(one, two, strict=True))
        rates = [f"{median_of(taken).rate:,.0f}" for taken in (one, two)]
        costs = [f"{median_of(taken).cpu:.0f}" for taken in (one, two)]
        rows.append([label, *rates, *costs, f"{ratio:.2f}", verdict(ratio <= AIM)])
    columns = ["", "1: requests/s", "2: requests/s", "1: µs/request", "2: µs/request", "ratio", f"at most {AIM}"]
    return Table("One worker and two", columns, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    run(quick=parser.parse_args().quick)
