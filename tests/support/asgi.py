"""Calls an ASGI application as a server would, byte for byte: no client tidies up what a test wants to send."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

Pairs = Sequence[tuple[str, str]]
GONE = object()  # in a body: the client leaves here
STALLED = object()  # in a body: the client says nothing any more


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    raw: bytes
    messages: int = 0
    _names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.headers:
            assert name == name.lower(), f"{name} is not in lower case"
            self._names[name] = f"{self._names[name]}, {value}" if name in self._names else value

    def header(self, name: str) -> str | None:
        return self._names.get(name)

    @property
    def body(self) -> Any:
        """The JSON that was sent, whatever its encoding; None for nothing."""
        raw = gzip.decompress(self.raw) if self.header("content-encoding") == "gzip" else self.raw
        return msgspec.json.decode(raw) if raw else None

    @property
    def code(self) -> Any:
        return self.body["code"]

    @property
    def pointers(self) -> list[str]:
        return sorted(error["pointer"] for error in self.body.get("errors", []))


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """One shape for everything that goes wrong."""
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json")
    assert answer.body.keys() - {"errors"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert (answer.code, answer.body["type"], answer.body["status"]) == (code, f"/errors/{code}", status)
    assert answer.body["request_id"] == answer.header("x-request-id")
    assert answer.body["detail"]


async def call(
    app: Any,
    method: str,
    target: str | bytes,
    *headers: tuple[str, str],
    json: Any = None,
    body: bytes | Sequence[Any] = b"",
    token: str | None = None,
    peer: str | None = "203.0.113.7",
    scheme: str = "http",
) -> Answer:
    """One request. A `body` of parts is sent without a length; `json` with its own."""
    path, _, query = (target if isinstance(target, bytes) else target.encode()).partition(b"?")
    sent = list(headers)
    parts = [body] if isinstance(body, bytes) else list(body)
    if json is not None:
        parts = [msgspec.json.encode(json)]
        if not any(name.lower() == "content-type" for name, _ in headers):
            sent.append(("content-type", "application/json"))
    if token is not None:
        sent.append(("authorization", f"Bearer {token}"))
    if isinstance(body, bytes) and parts[0] and not any(name == "content-length" for name, _ in headers):
        sent.append(("content-length", str(len(parts[0]))))
    elif not isinstance(body, bytes):
        sent.append(("transfer-encoding", "chunked"))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent],
        "client": (peer, 4711) if peer is not None else None,
        "server": ("127.0.0.1", 8000),
        "root_path": "",
    }
    return await _exchange(app, scope, parts)


async def _exchange(app: Any, scope: dict[str, Any], parts: list[Any]) -> Answer:
    waiting = list(parts)
    sent: list[dict[str, Any]] = []
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        part = waiting.pop(0) if waiting else GONE
        if part is STALLED:
            await asyncio.Event().wait()
        if part is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], headers, b"".join(message["body"] for message in rest), asked)
