"""The application as ASGI has it, for tests and for other servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from septet.core.errors import Malformed
from septet.core.message import Request

if TYPE_CHECKING:
    from septet.doors.http import Application

_CLOSE = (b"connection", b"close")


async def answer_asgi(application: Application, scope: Any, receive: Any, send: Any) -> None:
    """Answer one request, or follow the server through its life: starting and stopping are `app.py`'s."""
    if scope["type"] != "http":
        await _not_http(application, scope, receive, send)
        return
    client = scope["client"]
    request = Request(
        scope["method"],
        scope.get("raw_path") or scope["path"].encode(),
        scope["query_string"],
        scope["headers"],
        client[0] if client else "",
        scope["scheme"],
        _AsgiBody(receive),
    )
    application.begin()
    try:
        reply = await application.answer(request)
        if application.draining and scope["http_version"] == "1.1":
            reply.headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})
    finally:
        application.end()


class _AsgiBody:
    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._ended = False

    def arrived(self) -> bytes | None:
        return None

    async def part(self) -> bytes:
        while not self._ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Malformed("The body ended before its time.")
            self._ended = not message.get("more_body", False)
            if part := message.get("body", b""):
                return bytes(part)
        return b""


async def _not_http(application: Application, scope: Any, receive: Any, send: Any) -> None:
    """Nobody here answers WebSockets yet."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await application.drain()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1008})
