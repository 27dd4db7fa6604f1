"""What a stranger, a careless client or a foreign page sends to the MCP door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from septet.doors.mcp_messages import MODERN, VERSIONS
from support.agents import ACCEPT, CLIENT, Agent, assert_error, envelope, request
from support.asgi import STALLED, assert_problem
from support.doors import named, open_door

JSON = ("content-type", "application/json")
DEEP = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":%s}'


@pytest.mark.parametrize(
    ("body", "code"),
    named(
        ("nothing", b"", -32700),
        ("half", b'{"jsonrpc":"2.0","id":1,', -32700),
        ("two", b"{} {}", -32700),
        ("not-utf-8", b'{"jsonrpc":"2.0","id":null,"method":"\xff"}', -32700),
        ("utf-16", '{"jsonrpc":"2.0"}'.encode("utf-16"), -32700),
        ("half-a-character", rb'{"jsonrpc":"2.0","id":null,"method":"\ud800"}', -32700),
        ("null", b"null", -32600),
        ("a-number", b"1", -32600),
        ("a-text", b'"ping"', -32600),
        ("half-a-batch", b"[1", -32700),
        ("nan", b'{"jsonrpc":"2.0","id":NaN}', -32700),
    ),
)
async def test_what_is_no_message(tmp_path: Path, body: bytes, code: int) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet).post_raw(body), 400, code, None)


@pytest.mark.parametrize(
    ("message", "id"),
    named(
        ("empty", {}, None),
        ("no-jsonrpc", {"id": 1, "method": "ping"}, 1),
        ("jsonrpc-1", {"jsonrpc": "1.0", "id": 1, "method": "ping"}, 1),
        ("jsonrpc-number", {"jsonrpc": 2.0, "id": "a", "method": "ping"}, "a"),
        ("no-method", {"jsonrpc": "2.0", "id": 1}, 1),
        ("method-number", {"jsonrpc": "2.0", "id": 1, "method": 1}, 1),
        ("method-null", {"jsonrpc": "2.0", "id": 1, "method": None}, 1),
        ("id-null", {"jsonrpc": "2.0", "id": None, "method": "ping"}, None),
        ("id-fraction", {"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, None),
        ("id-truth", {"jsonrpc": "2.0", "id": True, "method": "ping"}, None),
        ("id-list", {"jsonrpc": "2.0", "id": [1], "method": "ping"}, None),
        ("id-object", {"jsonrpc": "2.0", "id": {}, "method": "ping"}, None),
        ("id-huge", {"jsonrpc": "2.0", "id": 2**60, "method": "ping"}, None),
    ),
)
async def test_what_is_no_request(tmp_path: Path, message: Any, id: Any) -> None:
    async with open_door(tmp_path) as septet:
        for version in (None, *VERSIONS):
            assert_error(await Agent(septet, version=version).post(message), 400, -32600, id)


async def test_a_response_that_nobody_asked_for_is_taken_from_older_clients_only(tmp_path: Path) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "result": {}}
    async with open_door(tmp_path) as septet:
        assert (await Agent(septet).post(message)).status == 202
        assert_error(await Agent(septet, version=MODERN).post(message), 400, -32600)


@pytest.mark.parametrize(
    ("method", "params"),
    named(
        ("a-list", "tools/list", []),
        ("null", "tools/list", None),
        ("a-text", "ping", "x"),
        ("cursor-number", "tools/list", {"cursor": 1}),
        ("cursor-unknown", "tools/list", {"cursor": "nowhere"}),
        ("cursor-empty", "tools/list", {"cursor": ""}),
        ("no-name", "tools/call", {}),
        ("name-null", "tools/call", {"name": None}),
        ("arguments-list", "tools/call", {"name": "echo", "arguments": []}),
        ("arguments-text", "tools/call", {"name": "echo", "arguments": "{}"}),
        ("meta-list", "tools/call", {"name": "echo", "_meta": []}),
        ("key-number", "tools/call", {"name": "echo", "_meta": {"septet/idempotency-key": 1}}),
        ("no-uri", "resources/read", {}),
        ("uri-number", "resources/read", {"uri": 1}),
        ("initialize-empty", "initialize", {}),
        ("initialize-number", "initialize", {**CLIENT, "protocolVersion": 20251125}),
        ("initialize-capabilities", "initialize", {**CLIENT, "capabilities": None}),
    ),
)
async def test_wrong_params(tmp_path: Path, method: str, params: Any) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet).post(message), 200, -32602)


async def test_text_that_is_not_utf_8_inside_params(tmp_path: Path) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"label":"\xff"}}}'
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet).post_raw(body), 400, -32700)


@pytest.mark.parametrize("version", ["2024-11-05", "2099-01-01", "", "latest", "2025-11-25, 2025-06-18"])
async def test_a_version_that_is_unknown_or_stale_is_refused_and_those_that_are_known_named(
    tmp_path: Path, version: str
) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, version=version)
        error = assert_error(await agent.ask("tools/list"), 400, -32022)
        assert_error(await agent.post({"jsonrpc": "2.0", "method": "notifications/x"}), 400, -32022, None)
    assert error["data"] == {"supported": list(VERSIONS), "requested": version}


CALL = {"name": "echo", "arguments": {"label": "x"}, "_meta": envelope()}
HEADERS = (("mcp-method", "tools/call"), ("mcp-name", "echo"))


@pytest.mark.parametrize(
    ("params", "headers", "code"),
    named(
        ("no-meta", {**CALL, "_meta": {}}, HEADERS, -32602),
        ("no-capabilities", {**CALL, "_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}, HEADERS, -32602),
        ("another-version", {**CALL, "_meta": envelope("2025-11-25")}, HEADERS, -32020),
        ("no-method", CALL, HEADERS[1:], -32020),
        ("another-method", CALL, (("mcp-method", "tools/list"), HEADERS[1]), -32020),
        ("method-in-capitals", CALL, (("mcp-method", "TOOLS/CALL"), HEADERS[1]), -32020),
        ("no-name", CALL, HEADERS[:1], -32020),
        ("another-name", CALL, (HEADERS[0], ("mcp-name", "read_note")), -32020),
        ("name-twice", CALL, (*HEADERS, ("mcp-name", "echo")), -32020),
        ("name-in-broken-base64", CALL, (HEADERS[0], ("mcp-name", "=?base64?ZWNobw?=")), -32020),
        ("name-in-no-utf-8", CALL, (HEADERS[0], ("mcp-name", "=?base64?/w==?=")), -32020),
    ),
)
async def test_the_modern_revision_wants_headers_and_body_to_agree(
    tmp_path: Path, params: Any, headers: Any, code: int
) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet, version=MODERN).post(request("tools/call", params), *headers), 400, code)


async def test_a_name_in_a_header_may_be_wrapped(tmp_path: Path) -> None:
    headers = (HEADERS[0], ("mcp-name", "=?base64?ZWNobw==?="))
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet, version=MODERN).post(request("tools/call", CALL), *headers)
    assert answer.body["result"]["structuredContent"]["label"] == "x"


@pytest.mark.parametrize("version", [None, "2025-11-25"])
async def test_a_modern_body_under_other_headers_is_refused(tmp_path: Path, version: str | None) -> None:
    async with open_door(tmp_path) as septet:
        assert_error(await Agent(septet, version=version).post(request("tools/call", CALL)), 400, -32020)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    named(
        ("no-type", (ACCEPT,), 415, "unsupported_media_type"),
        ("text", (ACCEPT, ("content-type", "text/plain")), 415, "unsupported_media_type"),
        ("form", (ACCEPT, ("content-type", "application/x-www-form-urlencoded")), 415, "unsupported_media_type"),
        ("latin-1", (ACCEPT, ("content-type", "application/json; charset=latin-1")), 415, "unsupported_media_type"),
        ("only-events", (("accept", "text/event-stream"), JSON), 406, "not_acceptable"),
        ("only-html", (("accept", "text/html"), JSON), 406, "not_acceptable"),
        ("nothing", (("accept", ""), JSON), 406, "not_acceptable"),
        ("foreign", (ACCEPT, JSON, ("origin", "https://evil.example")), 403, "forbidden"),
        ("no-origin", (ACCEPT, JSON, ("origin", "null")), 403, "forbidden"),
        (
            "rebound",
            (ACCEPT, JSON, ("origin", "http://evil.example:8000"), ("host", "evil.example:8000")),
            403,
            "forbidden",
        ),
        (
            "two-tokens",
            (ACCEPT, JSON, ("authorization", "Bearer ada"), ("authorization", "Bearer bob")),
            400,
            "malformed",
        ),
    ),
)
async def test_what_http_refuses_is_a_problem(tmp_path: Path, headers: Any, status: int, code: str) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet).post_raw(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', *headers)
    assert_problem(answer, status, code)


@pytest.mark.parametrize(
    "headers",
    named(
        ("no-accept", (JSON,)),
        ("any", (("accept", "*/*"), JSON)),
        ("json", (("accept", "Application/JSON;q=0.9"), JSON)),
        ("charset", (ACCEPT, ("content-type", "Application/JSON; charset=UTF-8"))),
        ("own-origin", (ACCEPT, JSON, ("origin", "http://127.0.0.1:8000"))),
        ("local-name", (ACCEPT, JSON, ("origin", "http://localhost:8000"), ("host", "localhost:8000"))),
        ("address", (ACCEPT, JSON, ("origin", "http://[::1]:9"), ("host", "[::1]:9"))),
        ("allowed", (ACCEPT, JSON, ("origin", "https://Inspector.example"))),
    ),
)
async def test_what_other_clients_send_is_taken(tmp_path: Path, headers: Any) -> None:
    async with open_door(tmp_path, cors_origins=("https://inspector.example",)) as septet:
        answer = await Agent(septet).post_raw(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', *headers)
    assert (answer.status, answer.body["result"]) == (200, {})


@pytest.mark.parametrize("token", ["expired", "nobody", "ada bob", ""])
async def test_a_token_that_does_not_hold_is_refused_whatever_is_asked(tmp_path: Path, token: str) -> None:
    async with open_door(tmp_path) as septet:
        for method in ("initialize", "tools/list", "nothing"):
            answer = await Agent(septet, token).ask(method, CLIENT)
            assert_problem(answer, 401, "unauthenticated")
            told = 'Bearer realm="septet", error="invalid_token", resource_metadata="'
            assert (answer.header("www-authenticate") or "").startswith(told)


async def test_a_body_has_its_bounds(tmp_path: Path) -> None:
    async with open_door(tmp_path, max_body=1024, body_timeout=0.05) as septet:
        agent = Agent(septet)
        assert_problem(await agent.post_raw(b" " * 1025), 413, "body_too_large")
        assert_problem(await agent.post_raw([b" " * 600, b" " * 600]), 413, "body_too_large")
        assert_problem(await agent.post_raw([b"{", STALLED]), 408, "body_timeout")


@pytest.mark.parametrize("depth", [65, 900, 100_000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"1}")], ids=["lists", "objects"])
async def test_what_is_nested_deep_is_refused(tmp_path: Path, depth: int, pair: tuple[bytes, bytes]) -> None:
    opening, closing = pair
    inner = opening * depth + (b"1" if opening == b"[" else b"") + closing * depth
    inner = inner if opening == b"[" else opening * depth + b"1" + b"}" * depth
    async with open_door(tmp_path) as septet:
        for body in (DEEP % inner, inner):
            answer = await Agent(septet).post_raw(body)
            assert (answer.status, answer.body["error"]["code"]) == (400, -32600)


async def test_many_objects_beside_each_other_are_not_deep(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet).post_raw(DEEP % (b'{"a":[' + b"{}," * 500 + b"{}]}"))
    assert answer.body["result"] == {}


ODD: list[Any] = [None, True, 0, -1, 1.5, 2**70, "", "x", "\0", "ü" * 300, [], {}, [[]], {"a": {}}, {"name": "echo"}]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, the whole of it included."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    if not path:
        return put
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], put)
    return copy


@pytest.mark.parametrize(
    ("message", "headers"),
    named(
        ("initialize", request("initialize", CLIENT), ()),
        (
            "call",
            request("tools/call", {"name": "create_note", "arguments": {"title": "x", "place": {"city": "G"}}}),
            (),
        ),
        ("read", request("resources/read", {"uri": "septet://errors"}), ()),
        ("batch", [request("tools/list", {"cursor": "x"}), request("ping", id="a")], ()),
        ("modern", request("tools/call", CALL), (("mcp-protocol-version", MODERN), *HEADERS)),
    ),
)
async def test_something_odd_in_any_place_of_a_message_is_answered(tmp_path: Path, message: Any, headers: Any) -> None:
    """Each place in turn holds each odd value. What is answered is a result or a refusal, never a failure."""
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        for place in _places(message):
            for put in ODD:
                body = msgspec.json.encode(_with(message, place, put))
                answer = await agent.post_raw(body, ACCEPT, JSON, *headers)
                assert answer.status in {200, 202, 400, 404}, body
                assert b'"internal"' not in answer.raw, body
