"""Health, metrics, and stopping."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from septet.app import Septet
from septet.core import outbox_queries
from septet.core.floor import FLOOR
from support.app import Clock, running_septet
from support.asgi import assert_problem, call
from support.chores import CHORES, Chore, tidy
from support.doors import named, open_door
from support.faulty_system import FAULTY
from support.sample_system import NOTES
from support.tasks import store

HERE = ("host", "127.0.0.1:8000")


async def test_live_and_ready(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        assert (await call(septet.asgi, "GET", "/health/live")).body == {"status": "live"}
        ready = await call(septet.asgi, "GET", "/health/ready")
        assert (ready.status, ready.body) == (200, {"status": "ready"})


async def test_not_ready_without_a_database_but_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door(tmp_path) as septet:
        asked = 0

        async def not_ready() -> bool:
            nonlocal asked
            asked += 1
            return False

        monkeypatch.setattr(septet.runtime.database, "ready", not_ready)
        answers = await asyncio.gather(*(call(septet.asgi, "GET", "/health/ready") for _ in range(5)))
        for answer in answers:
            assert_problem(answer, 503, "unavailable")
            assert answer.header("retry-after") == "1"
        assert asked == 1
        assert (await call(septet.asgi, "GET", "/health/live")).status == 200


async def test_draining_lets_running_requests_end(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        app = septet.asgi
        running = asyncio.create_task(call(app, "GET", "/v1/faulty/sleep?seconds=0.05"))
        await asyncio.sleep(0)
        draining = asyncio.create_task(app.drain())
        await asyncio.sleep(0)
        assert_problem(await call(app, "GET", "/health/ready"), 503, "unavailable")
        late = await call(app, "GET", "/v1/notes/echoes/x")
        assert (late.status, late.header("connection")) == (200, "close")
        assert not draining.done()
        assert (await running).status == 200
        await asyncio.wait_for(draining, 1)


async def test_draining_has_an_end(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY, drain_timeout=0.01) as septet:
        running = asyncio.create_task(call(septet.asgi, "GET", "/v1/faulty/sleep?seconds=10"))
        await asyncio.sleep(0)
        await asyncio.wait_for(septet.asgi.drain(), 1)
        running.cancel()


async def test_the_lifespan_of_asgi_drains(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent = []

        async def receive() -> dict[str, str]:
            return next(messages)

        async def send(message: dict[str, str]) -> None:
            sent.append(message["type"])

        await septet.asgi({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert septet.asgi.draining


async def test_a_websocket_is_refused(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        sent = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, str]) -> None:
            sent.append(message["type"])

        await septet.asgi({"type": "websocket"}, receive, send)
        assert sent == ["websocket.close"]


@pytest.mark.parametrize(
    ("peer", "headers", "token", "status"),
    named(
        ("a stranger", "203.0.113.7", [HERE], None, 401),
        ("a member", "203.0.113.7", [], "ada", 403),
        ("an administrator", "203.0.113.7", [], "root", 200),
        ("at the machine", "127.0.0.1", [HERE], None, 200),
        ("at the machine, by name", "127.0.0.1", [("host", "localhost:8000")], None, 200),
        ("at the machine, IPv6", "::1", [("host", "[::1]:8000")], None, 200),
        ("a stranger who names the machine", "203.0.113.7", [("host", "localhost")], None, 401),
        ("a proxy at the machine", "127.0.0.1", [HERE, ("x-forwarded-for", "203.0.113.7")], None, 401),
        ("a proxy with another header", "127.0.0.1", [HERE, ("forwarded", "for=203.0.113.7")], None, 401),
        ("a proxy with yet another", "127.0.0.1", [HERE, ("x-real-ip", "203.0.113.7")], None, 401),
        ("a proxy that says Via", "127.0.0.1", [HERE, ("via", "1.1 proxy")], None, 401),
        ("a page of another site", "127.0.0.1", [HERE, ("origin", "https://evil.example")], None, 401),
        ("a name that was bent to loopback", "127.0.0.1", [("host", "evil.example")], None, 401),
        ("no host at all", "127.0.0.1", [], None, 401),
        ("a socket without an address", None, [HERE], None, 401),
    ),
)
async def test_metrics_are_not_for_everybody(
    tmp_path: Path, peer: str | None, headers: list[tuple[str, str]], token: str | None, status: int
) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, "GET", "/metrics", *headers, peer=peer, token=token)
        assert answer.status == status


async def test_metrics_count_requests(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        for target in ("/v1/notes/echoes/a", "/v1/notes/echoes/b", "/v1/notes/echoes/c?x=1", "/nowhere"):
            await call(septet.asgi, "GET", target)
        await call(septet.asgi, "GET", "/v1/faulty/sleep?seconds=0.06")
        text = (await call(septet.asgi, "GET", "/metrics", token="root")).raw.decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        requests = families["septet_http_request_duration_seconds"].samples
        counts = {
            (sample.labels["operation"], sample.labels["status"]): sample.value
            for sample in requests
            if sample.name.endswith("_count")
        }
        assert counts == {("echo", "2xx"): 2, ("echo", "4xx"): 1, ("none", "4xx"): 1, ("sleep", "2xx"): 1}
        slow = [sample for sample in requests if sample.labels["operation"] == "sleep"]
        assert {s.labels["le"]: s.value for s in slow if s.labels.get("le") in {"0.05", "10.0"}} == {
            "0.05": 0,
            "10.0": 1,
        }
        assert next(s.value for s in slow if s.name.endswith("_sum")) >= 0.06
        assert families["septet_http_requests_running"].samples[0].value == 1
        assert {sample.labels["what"] for sample in families["septet_database"].samples} == {
            "snapshots",
            "writes waiting",
        }
        assert "process_resident_memory_bytes" in families


async def test_metrics_count_tasks_seldom_and_not_without_end(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    systems = [FLOOR, NOTES, CHORES]
    async with running_septet(database_url, tmp_path, systems=systems, clock=clock) as septet:
        for number in range(3):
            await store(septet.runtime, lambda ctx, number=number: ctx.enqueue(tidy, Chore(number)))  # type: ignore[misc]
        clock.advance(seconds=90)
        found = await _tasks_in_metrics(septet)
        assert found == ({("chores.tidy", "waiting"): 3.0}, {"chores.tidy": 90.0})
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(3)))
        assert await _tasks_in_metrics(septet) == found  # remembered for a while
        counts = await septet.runtime.database.read(lambda tx: tx.all(outbox_queries.count_oldest_tasks, most=2))
        assert [each.count for each in counts if each.name == "chores.tidy"] == [2]


async def _tasks_in_metrics(septet: Septet) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    text = (await call(septet.asgi, "GET", "/metrics", token="root")).raw.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counts = {
        (sample.labels["task"], sample.labels["state"]): sample.value for sample in families["septet_tasks"].samples
    }
    return counts, {s.labels["task"]: s.value for s in families["septet_tasks_late_seconds"].samples}
