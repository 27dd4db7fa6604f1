"""Speaks MCP to the door, message by message, so that a test decides what is sent; in each revision as it wants it."""

from __future__ import annotations

import itertools
from typing import Any

from septet.app import Septet
from septet.doors.mcp_messages import MODERN
from support.asgi import Answer, call

ACCEPT = ("accept", "application/json, text/event-stream")
CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


class Agent:
    """A client with a token. `version` is the revision that it speaks; None sends no header."""

    def __init__(self, septet: Septet, token: str | None = None, version: str | None = "2025-11-25") -> None:
        self.septet = septet
        self.token = token
        self.version = version
        self._ids = itertools.count(1)

    async def post(self, message: Any, *headers: tuple[str, str]) -> Answer:
        """Any JSON, with the headers that go with its revision unless others are given."""
        named = {name for name, _ in headers}
        usual = [ACCEPT, *([("mcp-protocol-version", self.version)] if self.version is not None else [])]
        sent = [*headers, *(pair for pair in usual if pair[0] not in named)]
        return await call(self.septet.asgi, "POST", "/mcp", *sent, json=message, token=self.token)

    async def post_raw(self, body: Any, *headers: tuple[str, str]) -> Answer:
        sent = headers or (ACCEPT, ("content-type", "application/json"))
        return await call(self.septet.asgi, "POST", "/mcp", *sent, body=body, token=self.token)

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> Answer:
        """A request as a well-behaved client sends it."""
        params = dict(params or {})
        headers: list[tuple[str, str]] = []
        if self.version == MODERN:
            params["_meta"] = {**envelope(), **params.get("_meta", {})}
            name = params.get("name", params.get("uri"))
            headers = [("mcp-method", method), *([("mcp-name", name)] if name is not None else [])]
        return await self.post(request(method, params, next(self._ids)), *headers)

    async def result(self, method: str, params: dict[str, Any] | None = None) -> Any:
        answer = await self.ask(method, params)
        assert answer.status == 200, answer.raw
        assert answer.header("content-type") == "application/json"
        assert answer.body.keys() == {"jsonrpc", "id", "result"}, answer.raw
        return answer.body["result"]

    async def tool(self, name: str, key: str | None = None, **arguments: Any) -> Any:
        """What a tool call gives, refused or not."""
        params: dict[str, Any] = {"name": name, "arguments": arguments}
        if key is not None:
            params["_meta"] = {"septet/idempotency-key": key}
        return await self.result("tools/call", params)

    async def value(self, name: str, **arguments: Any) -> Any:
        result = await self.tool(name, **arguments)
        assert "isError" not in result, result
        return result["structuredContent"]

    async def offered(self) -> list[str]:
        return [tool["name"] for tool in (await self.result("tools/list"))["tools"]]


def request(method: str, params: Any = None, id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, **({} if params is None else {"params": params})}


def envelope(version: str = MODERN) -> dict[str, Any]:
    """What `params._meta` of 2026-07-28 holds."""
    return {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }


def assert_error(answer: Answer, status: int, code: int, id: Any = 1) -> Any:
    """A JSON-RPC error; gives it."""
    assert (answer.status, answer.header("content-type")) == (status, "application/json"), answer.raw
    assert answer.body.keys() == {"jsonrpc", "id", "error"}
    assert (answer.body["id"], answer.body["error"]["code"]) == (id, code), answer.raw
    assert answer.body["error"]["message"]
    return answer.body["error"]
