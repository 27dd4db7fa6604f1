"""Trails: what they remember, what is logged of the slow ones, and which are let through to be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from septet.core.context import Context
from septet.core.errors import Conflict, NotFound, Problem, Unavailable
from septet.core.floor import FLOOR
from septet.core.telemetry import FAILED_A_SECOND, SAMPLED_A_SECOND, Telemetry, add_trace_id
from septet.core.trail import MOST_LAPS, TRAIL, Trail
from support.app import running_septet
from support.calls import Caller, person
from support.chores import CHORES, Chore, script_of, tidy
from support.doors import open_door
from support.sample_system import NOTES, find_note
from support.tasks import store

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Kept:
    """An exporter and a recorder that remember what they were given."""

    def __init__(self) -> None:
        self.trails: list[Trail] = []

    def export(self, trail: Trail) -> None:
        self.trails.append(trail)

    add = export

    def wants_more(self) -> bool:
        return True


def exporting(*, slow: float = 1000.0, sample: float = 0.0) -> tuple[Telemetry, Kept]:
    telemetry, kept = Telemetry(slow=slow, sample=sample), Kept()
    telemetry.exporter = kept
    return telemetry, kept


async def test_a_slow_call_is_logged_with_its_steps_and_queries(database_url: str, tmp_path: Path) -> None:
    """One query asked over and over is seen at once; what it was asked with is not."""
    async with running_septet(database_url, tmp_path, systems=[FLOOR, NOTES], log_slow=1e-9) as septet:
        ask = Caller(septet, person(7))
        note = await ask("create_note", body={"title": "Milk"})

        async def ask_again(ctx: Context) -> None:
            for _ in range(20):
                await ctx.tx.maybe(find_note, note_id=note.id, owner=UUID(int=7))

        ctx = septet.runtime.context()
        with capture_logs() as logs, septet.runtime.telemetry.following(ctx, "test"):
            await ctx.read(ask_again)
            await ctx.write(ask_again)
    (line,) = logs
    assert (line["event"], line["log_level"], line["door"]) == ("slow", "warning", "test")
    assert list(line["steps"]) == ["transaction", "wait", "commit"]
    assert list(line["queries"]) == ["support.sample_system.find_note"]
    asked = line["queries"]["support.sample_system.find_note"]
    assert asked["count"] == 40
    assert 0 < asked["ms"] <= line["ms"]
    assert line["trace_id"] == ctx.trail.trace_id if ctx.trail else False
    assert str(note.id) not in str(logs)


async def test_a_call_through_no_door_leaves_a_trail_of_its_own(tmp_path: Path) -> None:
    """As the command line's does; and whoever asked is named in its line."""
    async with open_door(tmp_path, log_slow=1e-9) as septet:
        with capture_logs() as logs, pytest.raises(NotFound):
            await Caller(septet, person(7))("read_note", id=str(UUID(int=1)))
    (line,) = logs
    assert (line["operation"], line["door"], line["problem"]) == ("read_note", "direct", "not_found")
    assert line["actor"] == str(UUID(int=7))
    assert list(line["steps"]) == ["admit", "bind", "transaction"]
    assert TRAIL.get() is None


async def test_a_slow_task_is_logged(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=[FLOOR, CHORES], doors=False, log_slow=1e-9) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        with capture_logs() as logs:
            await septet.worker.run_due()
    lines = {line["operation"]: line for line in logs}
    assert list(lines["chores.tidy"]["steps"]) == ["wait", "transaction", "commit"]
    assert lines["chores.tidy"]["door"] == "task"
    assert "support.chores.insert_effect" in lines["chores.tidy"]["queries"]


async def test_every_log_line_on_the_way_names_the_trace(tmp_path: Path) -> None:
    """Whoever writes it, even from within the write lane."""
    said: list[dict[str, Any]] = []

    async def speak(ctx: Context, number: int) -> None:
        said.append(dict(add_trace_id(None, "info", {"event": "hello"})))

    async with running_septet(
        f"sqlite:///{tmp_path / 'a.db'}", tmp_path, systems=[FLOOR, CHORES], doors=False
    ) as septet:
        script_of(septet.runtime).before["tidy"] = speak
        ctx = septet.runtime.context()

        async def enqueue() -> None:
            ctx.enqueue(tidy, Chore(1))

        with septet.runtime.telemetry.following(ctx, "test"):
            await septet.runtime.write(ctx, enqueue)
        await septet.worker.run_due()
        assert ctx.trail is not None
        assert said == [{"event": "hello", "trace_id": ctx.trail.trace_id}]
    assert add_trace_id(None, "info", {"event": "hello"}) == {"event": "hello"}
    assert structlog.contextvars.get_contextvars() == {}


def test_queries_beyond_the_most_are_counted_all_the_same() -> None:
    trail = Trail("test")
    for _ in range(MOST_LAPS + 7):
        trail.add_query("q", trail.began)
    counts = {total.name: total.count for total in trail.query_totals()}
    assert (counts, len(trail.queries)) == ({"q": MOST_LAPS, "others": 7}, MOST_LAPS)


def test_steps_are_bounded() -> None:
    trail = Trail("test")
    for _ in range(5000):
        trail.resume()
        for step in ("wait", "transaction", "commit"):
            trail.mark(step)
    assert len(trail.marks) <= MOST_LAPS + 4
    assert {step for step, _, _ in trail.steps()} == {"wait", "transaction", "commit"}


@pytest.mark.parametrize(
    ("error", "problem", "failed"),
    [
        (NotFound("no"), "not_found", False),
        (Conflict("no"), "conflict", False),
        (Unavailable("no"), "unavailable", True),
        (Problem("no"), "internal", True),
        (ValueError("no"), "internal", True),
    ],
)
def test_what_the_caller_did_wrong_is_no_failure_of_ours(error: Exception, problem: str, failed: bool) -> None:
    trail = Trail("test")
    trail.note(error)
    assert (trail.problem, trail.failed) == (problem, failed)


def ended(telemetry: Telemetry, trace_id: str, operation: str = "x", *, failed: bool = False) -> Trail:
    trail = Trail("test", trace_id, operation)
    trail.failed = failed
    telemetry.end(trail)
    return trail


def test_the_sample_is_chosen_by_the_trace_id() -> None:
    """So that all who see a trace choose alike, and choose again what they chose before."""
    telemetry, kept = exporting(sample=0.25)
    low, high = f"{'f' * 16}3{'f' * 15}", f"{'0' * 16}4{'0' * 15}"
    for trace_id in (low, high, low):
        ended(telemetry, trace_id)
    assert [trail.trace_id for trail in kept.trails] == [low, low]
    assert telemetry.traceparent(kept.trails[0]).endswith("-01")
    assert telemetry.traceparent(Trail("test", high)).endswith("-00")


@pytest.mark.parametrize(("sample", "count"), [(0.0, 0), (1.0, 2)])
def test_a_sample_of_none_or_all(sample: float, count: int) -> None:
    telemetry, kept = exporting(sample=sample)
    for trace_id in ("0" * 31 + "1", "f" * 32):
        ended(telemetry, trace_id)
    assert len(kept.trails) == count


def test_what_ran_no_operation_is_kept_only_if_it_failed() -> None:
    telemetry, kept = exporting(sample=1.0)
    ended(telemetry, TRACE, "")
    failed = ended(telemetry, TRACE, "", failed=True)
    assert kept.trails == [failed]


def test_a_storm_of_failures_is_bounded_and_counted() -> None:
    telemetry, kept = exporting(sample=1.0)
    for _ in range(1000):
        ended(telemetry, TRACE, failed=True)
        ended(telemetry, TRACE)
    failed = sum(trail.failed for trail in kept.trails)
    assert (failed, len(kept.trails)) == (FAILED_A_SECOND, FAILED_A_SECOND + SAMPLED_A_SECOND)
    assert telemetry.dropped_traces == 2000 - len(kept.trails)


def test_an_exporter_that_fails_fails_no_call() -> None:
    class Broken(Kept):
        def export(self, trail: Trail) -> None:
            raise OSError("broken")

    telemetry = Telemetry(slow=1000.0, sample=1.0)
    telemetry.exporter = Broken()
    with capture_logs() as logs:
        ended(telemetry, TRACE)
    assert [line["event"] for line in logs] == ["a trace could not be exported"]
    assert telemetry.dropped_traces == 1
