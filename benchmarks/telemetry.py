"""What does telemetry cost: the rate of reads by key with it, over that without?

Once as it is shipped, with records of calls and tasks, and once with traces and metrics sent to a collector besides,
at the sample that is the default. Beside it FastAPI with and without OpenTelemetry's instrumentation, at the same
sample; that makes one span or two a call, where Septet makes one for each step and each query. The collector takes
what it is sent and does nothing with it; it runs on the load's core.

Every call leaves a trail, for the log of slow calls, so Septet "without" pays for that as well: 1.7 µs of a read's
processor time when it was written, measured by taking it out of the code.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.common import Sample, Table, median_of, take_load_core, verdict, write_results
from benchmarks.compare import measure
from benchmarks.contestants import Contestant, FastApi, Septet

AIM = 0.90
SAMPLE = 0.05  # Septet's default
OFF, RECORDS, TRACES = "Septet", "Septet, with records", "Septet, with records, traces and metrics"
FASTAPI, INSTRUMENTED = "FastAPI", "FastAPI, instrumented"
PAIRS = ((RECORDS, OFF, AIM), (TRACES, OFF, AIM), (INSTRUMENTED, FASTAPI, None))


class InstrumentedFastApi(FastApi):
    name = INSTRUMENTED

    def command(self, port: int) -> list[str]:
        return [word.replace("fastapi_app:app", "traced:app") for word in super().command(port)]


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (3, 2) if quick else (9, 4)
    samples: dict[str, list[Sample]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, _collector() as url, ExitStack() as running:
        contestants = _contestants(Path(folder), url)
        for contestant in contestants.values():
            contestant.start()
            running.callback(contestant.stop)
            contestant.fill(300)
        for _ in range(rounds):
            for name, contestant in contestants.items():
                sent = contestant.questions()["read"]
                measure(contestant.server, sent, seconds=1)  # warm up
                sample = measure(contestant.server, sent, seconds=seconds)
                print(f"  {name:45} {sample.rate:9,.0f}/s {sample.cpu:6.1f} µs", flush=True)
                samples[name].append(sample)
    about = f"{rounds} rounds of {seconds} s, one after another; the medians of rates and of each round's ratio."
    write_results("telemetry", [_table(samples)], about=f"{(__doc__ or '').strip()}\n\n{about}")


def _contestants(folder: Path, collector: str) -> dict[str, Contestant]:
    of_sdk = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(SAMPLE),
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
    }
    sending = {"SEPTET_OTLP_ENDPOINT": collector, "SEPTET_OTLP_INTERVAL": "5"}
    return {
        OFF: Septet(folder / "off", environment={"SEPTET_RECORDS": "0"}),
        RECORDS: Septet(folder / "records"),
        TRACES: Septet(folder / "traces", environment=sending),
        FASTAPI: FastApi(folder / "fastapi"),
        INSTRUMENTED: InstrumentedFastApi(folder / "instrumented", environment=of_sdk),
    }


def _table(samples: dict[str, list[Sample]]) -> Table:
    rows: list[Sequence[str]] = []
    for watched, unwatched, aim in PAIRS:
        pair = samples[watched], samples[unwatched]
        if errors := sum(median_of(taken).errors for taken in pair):
            rows.append([watched, f"invalid: {errors} errors", "", "", "", "", ""])
            continue
        ratio = statistics.median(one.rate / other.rate for one, other in zip(*pair, strict=True))
        rates = [f"{median_of(taken).rate:,.0f}" for taken in pair]
        cost = f"{median_of(pair[0]).cpu - median_of(pair[1]).cpu:.1f}"
        reached = "" if aim is None else verdict(ratio >= aim)
        rows.append([watched, *rates, cost, f"{ratio:.3f}", str(aim or ""), reached])
    columns = ["", "with: reads/s", "without: reads/s", "µs a read more", "ratio", "at least", ""]
    return Table("Reads with telemetry over reads without", columns, rows)


@contextmanager
def _collector() -> Iterator[str]:
    """The address of a collector in a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_collect, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


class _Taking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _collect(parent: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taking)
    parent.send(server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for a first look")
    run(quick=parser.parse_args().quick)
