"""Contestants side by side: A B C A B C …, several rounds, medians, and Septet's ratio to each."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from benchmarks import load
from benchmarks.common import Sample, Server, Table, median_of, verdict
from benchmarks.contestants import Contestant
from benchmarks.load import CONNECTIONS, Outcome, Requests

Figures = dict[tuple[str, str], Sample]  # by question and contestant


def measure(server: Server, sent: Requests, *, seconds: int, connections: int = CONNECTIONS) -> Sample:
    """One sample of the usual load."""
    return sampled(server, lambda: load.run(server.port, sent, seconds=seconds, connections=connections))


def sampled(server: Server, run: Callable[[], Outcome]) -> Sample:
    """A load's outcome beside the processor time that the server used for it."""
    cpu, clock = server.cpu_seconds(), time.perf_counter()
    outcome = run()
    elapsed, cpu = time.perf_counter() - clock, server.cpu_seconds() - cpu
    return Sample(
        rate=outcome.rate,
        cpu=cpu * 1e6 / max(outcome.requests, 1),
        p50=outcome.p50 / 1000,
        p99=outcome.p99 / 1000,
        busy=cpu / elapsed,
        errors=outcome.errors,
    )


def compare(contestants: Sequence[Contestant], questions: Sequence[str], *, rounds: int, seconds: int) -> Figures:
    """The median of every question to every contestant; they take turns, so that a slow minute hits all alike."""
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for round_number in range(rounds):
        sent = {contestant.name: contestant.questions() for contestant in contestants}
        for question in questions:
            for contestant in contestants:
                if round_number == 0:
                    measure(contestant.server, sent[contestant.name][question], seconds=1)  # warm up
                sample = measure(contestant.server, sent[contestant.name][question], seconds=seconds)
                samples[question, contestant.name].append(sample)
                print(f"  {question:7} {contestant.name:20} {sample.rate:9,.0f}/s {sample.cpu:6.0f} µs", flush=True)
    return {which: median_of(found) for which, found in samples.items()}


def figures_table(title: str, figures: Figures, notes: Sequence[str] = ()) -> Table:
    """Every figure. One that saw a single error says so instead."""
    columns = ["", "requests/s", "server CPU µs/request", "p50 ms", "p99 ms", "server core busy"]
    rows: list[Sequence[str]] = []
    for (question, name), sample in figures.items():
        if sample.errors:
            rows.append([f"{question}: {name}", f"invalid: {sample.errors} errors", "", "", "", ""])
            continue
        latencies = [f"{sample.p50:.2f}", f"{sample.p99:.2f}"]
        row = [f"{question}: {name}", f"{sample.rate:,.0f}", f"{sample.cpu:.0f}", *latencies, f"{sample.busy:.0%}"]
        rows.append(row)
    return Table(title, columns, rows, notes)


def ratios_table(title: str, figures: Figures, targets: Mapping[tuple[str, str], float]) -> Table:
    """Septet's rate over each rival's, their processor time a request over its, and what was aimed for in rate."""
    rows: list[Sequence[str]] = []
    for (question, rival), sample in figures.items():
        if rival == "Septet":
            continue
        septet = figures[question, "Septet"]
        if sample.errors or septet.errors:
            rows.append([f"{question}: Septet / {rival}", "invalid", "", "", ""])
            continue
        ratio, target = septet.rate / sample.rate, targets.get((question, rival))
        reached = "" if target is None else verdict(ratio >= target)
        by_cpu = f"{sample.cpu / septet.cpu:.2f}"
        rows.append([f"{question}: Septet / {rival}", f"{ratio:.2f}", by_cpu, f"{target or ''}", reached])
    return Table(title, ["", "by requests/s", "by CPU a request", "aim", ""], rows)
