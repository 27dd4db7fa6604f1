"""What a collector receives of calls and tasks, and what it must not be able to do to them."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from septet.app import Septet
from septet.core.floor import FLOOR
from septet.core.system import System
from support.app import running_septet
from support.asgi import call
from support.chores import CHORES, Chore, script_of, tidy
from support.collector import Collector, collecting, hanging
from support.doors import named
from support.faulty_system import FAULTY
from support.sample_system import NOTES

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{SPAN}-01")
PROXY = "192.0.2.1"


@asynccontextmanager
async def tracing(
    database_url: str, folder: Path, collector: str, *more: System, sample: float = 1.0, **settings: Any
) -> AsyncIterator[Septet]:
    """The notes, sending to `collector`, which has it all once they have ended."""
    settings = {"otlp_endpoint": collector, "trace_sample": sample, "trusted_proxies": (PROXY,), **settings}
    async with running_septet(database_url, folder, systems=[FLOOR, NOTES, *more], **settings) as septet:
        yield septet


@asynccontextmanager
async def collected(
    folder: Path, *more: System, sample: float = 1.0, **settings: Any
) -> AsyncIterator[tuple[Septet, Collector]]:
    with collecting() as collector:
        url = f"sqlite:///{folder / 'tracing.db'}"
        async with tracing(url, folder, collector.url, *more, sample=sample, **settings) as septet:
            yield septet, collector


async def test_the_spans_of_a_call(database_url: str, tmp_path: Path) -> None:
    with collecting() as collector:
        async with tracing(database_url, tmp_path, collector.url) as septet:
            answer = await call(septet.asgi, "POST", "/v1/notes/notes", json={"title": "Milk"}, token="ada")
            assert answer.status == 201
            dialect = septet.runtime.database.dialect
    (root,) = collector.roots()
    assert (root.name, root.kind, root.parent_id, root.failed) == ("POST /v1/notes/notes", "SERVER", "", False)
    assert root.trace_id == answer.header("x-request-id")
    assert root.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/notes/notes",
        "http.response.status_code": 201,
        "septet.door": "rest",
        "septet.operation": "create_note",
    }
    steps = collector.under(root)
    assert list(steps) == ["authenticate", "body", "admit", "bind", "wait", "transaction", "commit", "encode"]
    queries = collector.under(steps["transaction"])
    assert list(queries) == ["support.sample_system.titled", "support.sample_system.insert_note"]
    for name, query in queries.items():
        assert (query.kind, query.attributes) == (
            "CLIENT",
            {"db.system.name": dialect, "db.operation.name": name},
        )
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 11
    assert_nested(root, list(steps.values()))
    assert_nested(steps["transaction"], list(queries.values()))
    assert collector.resource["service.name"] == "septet"


def assert_nested(around: Any, within: list[Any]) -> None:
    """One after another, and none beyond the span around them."""
    moments = [around.began, *(moment for span in within for moment in (span.began, span.ended)), around.ended]
    assert moments == sorted(moments)


async def test_the_steps_of_a_read(tmp_path: Path) -> None:
    async with collected(tmp_path) as (septet, collector):
        await call(septet.asgi, "GET", "/v1/notes/notes", token="ada")
    (root,) = collector.roots()
    steps = collector.under(root)
    assert list(steps) == ["authenticate", "admit", "bind", "transaction", "encode"]
    assert list(collector.under(steps["transaction"])) == ["support.sample_system.notes_of.first"]


async def test_what_a_steps_operation_does_between_its_transactions_is_its_own(tmp_path: Path) -> None:
    async with collected(tmp_path) as (septet, collector):
        await call(septet.asgi, "POST", "/v1/notes/imports", json={"title": "Milk"}, token="ada")
    (root,) = collector.roots()
    steps = collector.under(root)
    assert list(steps) == ["authenticate", "body", "admit", "bind", "wait", "transaction", "commit", "encode"]
    assert steps["wait"].began > steps["bind"].ended


async def test_what_fails_or_is_slow_is_kept_whatever_the_sample(tmp_path: Path) -> None:
    async with collected(tmp_path, FAULTY, sample=0.0, log_slow=0.02) as (septet, collector):
        for target in ("/v1/notes/echoes/a", "/v1/notes/notes/none", "/nowhere", "/v1/faulty/sleep?seconds=0.03"):
            await call(septet.asgi, "GET", target)
        for fault in ("crash", "unavailable", "password"):
            await call(septet.asgi, "GET", f"/v1/faulty/{fault}")
    found = {root.attributes["septet.operation"]: root for root in collector.roots()}
    assert list(found) == ["sleep", "crash", "be_unavailable"]
    assert {name: root.failed for name, root in found.items()} == {
        "sleep": False,
        "crash": True,
        "be_unavailable": True,
    }
    assert found["sleep"].attributes["septet.slow"] is True
    assert (found["crash"].attributes["error.type"], found["crash"].attributes["http.response.status_code"]) == (
        "internal",
        500,
    )
    assert found["be_unavailable"].attributes["error.type"] == "unavailable"
    assert "hunter2" not in str(collector.spans)


async def test_a_refusal_is_told_and_is_no_failure(tmp_path: Path) -> None:
    async with collected(tmp_path) as (septet, collector):
        await call(septet.asgi, "GET", "/v1/notes/notes")
    (root,) = collector.roots()
    assert (root.failed, root.attributes["error.type"]) == (False, "unauthenticated")


async def test_a_trusted_proxy_hands_on_its_trace(tmp_path: Path) -> None:
    async with collected(tmp_path, sample=0.0) as (septet, collector):
        answer = await call(septet.asgi, "GET", "/v1/notes/notes", TRACEPARENT, peer=PROXY)
    (root,) = collector.roots()
    assert (root.trace_id, root.parent_id) == (TRACE, SPAN)
    assert answer.body["trace_id"] == TRACE != answer.body["request_id"]


@pytest.mark.parametrize(
    ("peer", "header"),
    named(
        ("from a stranger", "203.0.113.7", TRACEPARENT[1]),
        ("without the flag", PROXY, f"00-{TRACE}-{SPAN}-00"),
        ("of version ff", PROXY, f"ff-{TRACE}-{SPAN}-01"),
        ("of no trace", PROXY, f"00-{'0' * 32}-{SPAN}-01"),
        ("of no span", PROXY, f"00-{TRACE}-{'0' * 16}-01"),
        ("in capitals", PROXY, f"00-{TRACE.upper()}-{SPAN}-01"),
        ("twice", PROXY, f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01"),
        ("nonsense", PROXY, "\xff" * 55),
    ),
)
async def test_nobody_else_can_make_us_keep_a_trace(tmp_path: Path, peer: str, header: str) -> None:
    async with collected(tmp_path, sample=0.0) as (septet, collector):
        answer = await call(septet.asgi, "GET", "/v1/notes/echoes/a", ("traceparent", header), peer=peer)
        assert answer.status == 200
    assert collector.spans == []


async def test_even_those_who_may_ask_get_so_many_traces_a_second(tmp_path: Path) -> None:
    async with collected(tmp_path) as (septet, collector):
        began = time.perf_counter()
        for _ in range(300):
            await call(septet.asgi, "GET", "/v1/notes/echoes/a", TRACEPARENT, peer=PROXY)
        seconds = int(time.perf_counter() - began) + 1
        dropped = septet.runtime.telemetry.dropped_traces
    assert 50 <= len(collector.roots()) <= 50 * seconds
    assert dropped == 300 - len(collector.roots())


async def test_log_problem_and_trace_name_the_same(tmp_path: Path) -> None:
    async with collected(tmp_path, FAULTY, log_slow=0.01) as (septet, collector):
        with capture_logs() as logs:
            answer = await call(septet.asgi, "GET", "/v1/faulty/crash")
            await call(septet.asgi, "GET", "/v1/faulty/sleep?seconds=0.02", TRACEPARENT, peer=PROXY)
    crashed, slept = collector.roots()
    assert crashed.trace_id == answer.body["request_id"] == logs[0]["request_id"]
    assert "trace_id" not in answer.body
    assert slept.trace_id == TRACE == logs[1]["trace_id"]


async def test_a_task_goes_on_with_the_trace_of_the_call_that_stored_it(database_url: str, tmp_path: Path) -> None:
    async def fail(ctx: Any, number: int) -> None:
        raise ValueError("no")

    with collecting() as collector:
        async with tracing(database_url, tmp_path, collector.url, CHORES, sample=0.0) as septet:
            ctx = septet.runtime.context()

            async def store() -> None:
                ctx.enqueue(tidy, Chore(1))

            with septet.runtime.telemetry.following(ctx, "test"):
                await septet.runtime.write(ctx, store)
            assert ctx.trail is not None
            script_of(septet.runtime).before["tidy"] = fail
            with capture_logs() as logs:
                await septet.worker.run_due()
    (root,) = (span for span in collector.roots() if span.name == "chores.tidy")
    assert (root.kind, root.failed, root.attributes["error.type"]) == ("CONSUMER", True, "internal")
    assert (root.trace_id, root.parent_id) == (ctx.trail.trace_id, ctx.trail.span_id)
    assert "septet.core.outbox_queries.end_task".removeprefix("septet.") in {span.name for span in collector.spans}
    assert [line["event"] for line in logs] == ["task failed and is tried again"]


async def test_metrics_arrive(tmp_path: Path) -> None:
    async with collected(tmp_path, FAULTY, records=10) as (septet, collector):
        for _ in range(3):
            await call(septet.asgi, "GET", "/v1/notes/echoes/a")
        await call(septet.asgi, "GET", "/v1/faulty/crash")
    requests = collector.metrics["septet.http.request.duration"]
    counts = {
        tuple(each.value.string_value for each in point.attributes): (point.count, sum(point.bucket_counts))
        for point in requests.histogram.data_points
    }
    assert counts == {("echo", "2xx"): (3, 3), ("crash", "5xx"): (1, 1)}
    assert (requests.unit, requests.histogram.aggregation_temporality) == ("s", 2)  # cumulative
    assert not requests.histogram.data_points[0].HasField("min")
    assert collector.metrics["septet.http.requests.running"].gauge.data_points[0].as_double == 0
    assert collector.metrics["septet.records.dropped"].sum.is_monotonic
    assert {"septet.database", "septet.traces.dropped"} <= collector.metrics.keys()


async def test_the_collector_is_sent_its_headers(tmp_path: Path) -> None:
    async with collected(tmp_path, otlp_headers=("x-key=a=b", "x-team= seven ")) as (septet, collector):
        await call(septet.asgi, "GET", "/v1/notes/echoes/a")
    assert len(collector.headers) >= 2
    assert {(sent["x-key"], sent["x-team"]) for sent in collector.headers} == {("a=b", "seven")}


async def test_a_collector_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    with hanging() as url:
        took, stopping = await _calls_and_stops(tmp_path, url)
    assert took < 1.0
    assert stopping < 4.0


async def test_a_collector_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        took, stopping = await _calls_and_stops(tmp_path, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert took < 1.0
    assert stopping < 4.0


async def _calls_and_stops(folder: Path, url: str) -> tuple[float, float]:
    """Seconds that a hundred calls took, and that stopping took."""
    async with tracing(f"sqlite:///{folder / 'tracing.db'}", folder, url) as septet:
        began = time.perf_counter()
        for _ in range(100):
            assert (await call(septet.asgi, "GET", "/v1/notes/echoes/a")).status == 200
        took, began = time.perf_counter() - began, time.perf_counter()
    return took, time.perf_counter() - began
