"""What do limits cost that processes share through Valkey: the rate of reads with them, over that with limits of each
process's own?

One caller reads by key, quicker than the limit allows in the long run, so that there is something to tell at every
exchange. Beside it the usual way: a server that waits for an answer of Valkey at each call, over the same one without.
And what one exchange holds a process up for, by the number of callers that are near their limit.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks.common import Sample, Table, median_of, take_load_core, verdict, write_results
from benchmarks.compare import measure
from benchmarks.contestants import Bare, Contestant, FastApi, Septet
from benchmarks.valkey import valkey
from septet.core.limits import per_minute
from septet.core.sharing import SharedLimits, Sharing
from septet.engines.limits.valkey import ValkeyLimits
from septet.engines.valkey import Valkey

AIM = 0.75
_QUOTA = 600_000  # calls a minute: half of what the load sends or less, and never used up in a sample
_CALLERS = (1, 100, 1000)


class LimitedSeptet(Septet):
    """With its limits on, unlike in all other benchmarks."""

    def command(self, port: int) -> list[str]:
        command = super().command(port)
        self.environment |= {"SEPTET_LIMITS": "on", "SEPTET_LIMIT_DEFAULT": str(_QUOTA)}
        return command


class LimitedBare(Bare):
    name = "bare, asking Valkey"

    def command(self, port: int) -> list[str]:
        url = f"sqlite:///{self.folder / 'notes.db'}"
        return [sys.executable, "-m", "benchmarks.rivals.limited", str(port), url, self.environment["VALKEY_URL"]]


class LimitedFastApi(FastApi):
    name = "FastAPI, asking Valkey"

    def command(self, port: int) -> list[str]:
        command = super().command(port)
        return [word.replace("fastapi_app:app", "limited:fastapi_app") for word in command]


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (5, 4)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, valkey() as url:
        pairs = _pairs(Path(folder), url)
        samples = _side_by_side(pairs, rounds, seconds)
        exchanges = uvloop.run(_exchanges(url))
    about = f"{rounds} rounds of {seconds} s a point, in turns; medians of the ratios of each round."
    write_results("shared-limits", [_table(pairs, samples), exchanges], about=f"{(__doc__ or '').strip()}\n\n{about}")


Pairs = Mapping[str, tuple[Contestant, Contestant]]  # without and with, by label
Samples = Mapping[tuple[str, int], Sequence[Sample]]  # by label, and 0 without or 1 with


def _pairs(folder: Path, url: str) -> Pairs:
    def septet(workers: int, valkey_url: str) -> Septet:
        place = folder / f"septet {workers} {bool(valkey_url)}"
        settings = {"SEPTET_WORKERS": str(workers), "SEPTET_VALKEY_URL": valkey_url}
        return LimitedSeptet(place, "", settings)

    asking = {"VALKEY_URL": url}
    return {
        "Septet, 1 worker": (septet(1, ""), septet(1, url)),
        "Septet, 2 workers": (septet(2, ""), septet(2, url)),
        "bare": (Bare(folder / "bare"), LimitedBare(folder / "limited", "", asking)),
        "FastAPI": (FastApi(folder / "fastapi"), LimitedFastApi(folder / "limited fastapi", "", asking)),
    }


def _side_by_side(pairs: Pairs, rounds: int, seconds: int) -> Samples:
    samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    with ExitStack() as running:
        for pair in pairs.values():
            for contestant in pair:
                contestant.start()
                running.callback(contestant.stop)
                contestant.fill(300)
        for _ in range(rounds):
            for label, pair in pairs.items():
                for which, contestant in enumerate(pair):
                    sent = contestant.questions()["read"]
                    measure(contestant.server, sent, seconds=1)
                    sample = measure(contestant.server, sent, seconds=seconds)
                    print(f"  {label:20} {which} {sample.rate:9,.0f}/s {sample.cpu:6.0f} µs", flush=True)
                    samples[label, which].append(sample)
    return samples


def _table(pairs: Pairs, samples: Samples) -> Table:
    rows: list[Sequence[str]] = []
    for label in pairs:
        without, with_them = samples[label, 0], samples[label, 1]
        if errors := median_of(without).errors + median_of(with_them).errors:
            rows.append([label, f"invalid: {errors} errors", "", "", "", "", ""])
            continue
        rate = statistics.median(shared.rate / own.rate for own, shared in zip(without, with_them, strict=True))
        cpu = statistics.median(own.cpu / shared.cpu for own, shared in zip(without, with_them, strict=True))
        rates = [f"{median_of(taken).rate:,.0f}" for taken in (without, with_them)]
        aim = [f"{AIM}", verdict(rate >= AIM)] if label.startswith("Septet") else ["", ""]
        rows.append([label, *rates, f"{rate:.2f}", f"{cpu:.2f}", *aim])
    columns = ["", "without: requests/s", "shared: requests/s", "ratio", "by CPU a request", "aim", ""]
    notes = (
        "Without: Septet's limits are each process's own (one worker), or shared through the database (two workers); "
        "the rivals have none.",
    )
    return Table("Reads by key on SQLite", columns, rows, notes)


async def _exchanges(url: str) -> Table:
    """How long an exchange takes with so many callers near their limit."""
    rows = []
    client = Valkey(url)
    for callers in _CALLERS:
        limits = SharedLimits(time.monotonic, b"k" * 32)
        sharing = Sharing(limits, ValkeyLimits(client))
        taken = []
        for turn in range(20):
            for number in range(callers):
                for _ in range(1 if turn else 60):
                    limits.spend(per_minute(100), "read", str(number))
            began = time.perf_counter()
            if not await sharing.exchange():
                raise RuntimeError("Valkey did not answer")
            taken.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0)
        rows.append([f"{callers}", f"{statistics.median(taken):.2f}"])
    await client.close()
    return Table("One exchange, four times a second", ["callers near their limit", "ms"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    run(quick=parser.parse_args().quick)
