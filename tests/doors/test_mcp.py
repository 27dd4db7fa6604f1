"""The protocol: revisions, methods, batches, and what HTTP says beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septet import __version__
from septet.doors.mcp import MOST_IN_A_BATCH
from septet.doors.mcp_messages import HANDSHAKE, MODERN, VERSIONS
from support.agents import CLIENT, Agent, assert_error, request
from support.asgi import assert_problem, call
from support.doors import open_door


@pytest.mark.parametrize("asked", HANDSHAKE)
async def test_a_version_that_is_known_is_agreed_on(tmp_path: Path, asked: str) -> None:
    async with open_door(tmp_path) as septet:
        result = await Agent(septet, version=None).result("initialize", {**CLIENT, "protocolVersion": asked})
    assert result["protocolVersion"] == asked
    assert result["serverInfo"] == {"name": "septet", "title": "Septet", "version": __version__}
    assert result["capabilities"] == {"tools": {}, "resources": {}}
    assert "agent:write" in result["instructions"]


@pytest.mark.parametrize("asked", ["2024-11-05", "2099-01-01", MODERN, "x"])
async def test_any_other_is_answered_with_the_newest_that_has_a_handshake(tmp_path: Path, asked: str) -> None:
    async with open_door(tmp_path) as septet:
        result = await Agent(septet, version=None).result("initialize", {**CLIENT, "protocolVersion": asked})
    assert result["protocolVersion"] == "2025-11-25"


async def test_no_session_is_given_and_one_that_is_sent_is_passed_over(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet)
        begun = await agent.ask("initialize", CLIENT)
        later = await agent.post(request("ping"), ("mcp-session-id", "made up"))
    assert begun.header("mcp-session-id") is None
    assert (later.status, later.body["result"]) == (200, {})


async def test_the_modern_revision_is_discovered_without_a_handshake(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        result = await Agent(septet, version=MODERN).result("server/discover")
    assert result["supportedVersions"] == list(VERSIONS)
    assert (result["resultType"], result["cacheScope"], result["ttlMs"] > 0) == ("complete", "public", True)
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "septet"


@pytest.mark.parametrize("version", [None, *VERSIONS])
async def test_every_revision_lists_and_calls_tools_with_nothing_before(tmp_path: Path, version: str | None) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root", version)
        assert "read_note" in await agent.offered()
        made = await agent.value("create_note", title="Groceries")
        assert await agent.value("read_note", id=made["id"]) == made


@pytest.mark.parametrize("method", ["ping", "initialize"])
async def test_what_belongs_to_the_handshake_is_not_there_in_the_modern_revision(tmp_path: Path, method: str) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet, version=MODERN).ask(method, CLIENT), 404, -32601)


@pytest.mark.parametrize("method", ["prompts/list", "logging/setLevel", "server/discover", "tools", "", "\0"])
async def test_an_unknown_method_is_told_in_the_message_and_in_the_modern_revision_by_http(
    tmp_path: Path, method: str
) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet).ask(method), 200, -32601)
        if method not in {"server/discover", "\0"}:
            assert_error(await Agent(septet, version=MODERN).ask(method), 404, -32601)


@pytest.mark.parametrize("version", [None, *VERSIONS])
async def test_a_notification_is_taken_and_not_answered(tmp_path: Path, version: str | None) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet, version=version).post({"jsonrpc": "2.0", "method": "notifications/cancelled"})
    assert (answer.status, answer.raw) == (202, b"")


async def test_a_call_without_an_id_is_a_notification_and_calls_nothing(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        message = request("tools/call", {"name": "create_note", "arguments": {"title": "Silent"}})
        del message["id"]
        assert (await agent.post(message)).status == 202
        assert (await agent.value("list_notes"))["items"] == []


@pytest.mark.parametrize("id", [0, 1, -7, 2**53 - 1, "a", "", "ü\n"])
async def test_an_id_comes_back_as_it_was(tmp_path: Path, id: Any) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet).post(request("ping", id=id))
    assert answer.body == {"jsonrpc": "2.0", "id": id, "result": {}}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH"])
async def test_there_is_only_post(tmp_path: Path, method: str) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, method, "/mcp", ("accept", "text/event-stream"), ("mcp-session-id", "x"))
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.header("allow") == "OPTIONS, POST"


async def test_a_batch_is_answered_with_a_batch_in_the_revision_that_has_them(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        messages = [
            request("ping", id="a"),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            request("nothing", id=2),
            {"jsonrpc": "2.0", "id": 3},
            request("tools/call", {"name": "read_note"}, id=4),
            request("initialize", CLIENT, id=5),
        ]
        for version in (None, "2025-03-26"):
            answer = await Agent(septet, version=version).post(messages)
            assert answer.status == 200
            ping, unknown, neither, refused, initialize = answer.body
            assert ping == {"jsonrpc": "2.0", "id": "a", "result": {}}
            assert [each["error"]["code"] for each in (unknown, neither, initialize)] == [-32601, -32600, -32600]
            assert refused["result"]["structuredContent"]["code"] == "unauthenticated"


async def test_a_batch_of_notifications_is_not_answered(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet, version=None).post([{"jsonrpc": "2.0", "method": "notifications/x"}] * 2)
    assert (answer.status, answer.raw) == (202, b"")


@pytest.mark.parametrize("count", [0, MOST_IN_A_BATCH + 1, 20_000])
async def test_a_batch_has_its_bounds(tmp_path: Path, count: int) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet, version=None).post([request("ping")] * count), 400, -32600, None)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", MODERN])
async def test_no_other_revision_has_batches(tmp_path: Path, version: str) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet, version=version).post([request("ping")]), 400, -32600, None)


async def test_a_batch_spends_a_limit_as_often_as_it_calls(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=2) as septet:
        messages = [request("tools/call", {"name": "echo", "arguments": {"label": "x"}}, id) for id in range(3)]
        answer = await Agent(septet, version=None).post(messages)
    assert ["isError" in each["result"] for each in answer.body] == [False, False, True]
    assert answer.header("ratelimit") is None


async def test_a_browser_of_an_allowed_origin_may_ask_before_it_calls(tmp_path: Path) -> None:
    async with open_door(tmp_path, cors_origins=("https://inspector.example",)) as septet:
        answer = await call(
            septet.asgi,
            "OPTIONS",
            "/mcp",
            ("origin", "https://inspector.example"),
            ("access-control-request-method", "POST"),
        )
    assert answer.status == 204
    assert "MCP-Protocol-Version, Mcp-Method, Mcp-Name" in (answer.header("access-control-allow-headers") or "")
