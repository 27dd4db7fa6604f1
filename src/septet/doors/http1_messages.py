"""Requests as they come in over HTTP/1.1, and the heads of replies."""

from __future__ import annotations

import asyncio
import functools
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import httptools

from septet.core.errors import Malformed
from septet.core.message import Reply

_PHRASES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Wire(Protocol):
    """What a request needs of the connection that it comes over."""

    gone: bool

    def write(self, data: bytes) -> None: ...

    def listen(self) -> None: ...


class Incoming:
    """A request as its parts come in, and its body for whoever reads it. See `core.message.BodySource`."""

    __slots__ = (
        "_connection",
        "_parts",
        "_waiting",
        "broken",
        "complete",
        "headers",
        "keep_alive",
        "names_host",
        "size",
        "url",
        "wants_continue",
    )

    def __init__(self, connection: Wire) -> None:
        self._connection = connection
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.keep_alive = True
        self.names_host = False
        self.wants_continue = False
        self.complete = False
        self.broken = False  # what came of it could not be understood
        self.size = 0  # of what has come and was not read yet
        self._parts: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None

    def arrived(self) -> bytes | None:
        """The whole body if it is there, and None if more is to come."""
        return self._take() if self.complete else None

    async def part(self) -> bytes:
        """What has come of the body; nothing at its end. Raises Malformed if the client leaves before that."""
        if self.wants_continue:
            self.wants_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._parts and not self.complete:
            if self.broken or self._connection.gone:
                raise Malformed("The body ended before its time.")
            self._connection.listen()
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._take()

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)
        self.wake()

    def wake(self) -> None:
        """Something happened that a reader may wait for."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _take(self) -> bytes:
        parts, self._parts, self.size = self._parts, [], 0
        return parts[0] if len(parts) == 1 else b"".join(parts)


def head_of(reply: Reply, *, closes: bool) -> bytes:
    """The status line and the headers. Raises ValueError for a header that would break out of its line."""
    parts = [_PHRASES.get(reply.status) or b"HTTP/1.1 %d \r\n" % reply.status, b"date: ", _date(int(time.time()))]
    for name, value in reply.headers:
        parts += (b"\r\n", name, b": ", value)
    parts.append(b"\r\nconnection: close\r\n\r\n" if closes else b"\r\n\r\n")
    head = b"".join(parts)
    lines = len(reply.headers) + (4 if closes else 3)
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise ValueError("a header of a reply holds a line break")
    return head


def path_of(url: bytes) -> tuple[bytes, bytes]:
    """The path and the query of a request target that begins with a scheme, as proxies send it; `*` is a path."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return url, b""
    return parsed.path or b"/", parsed.query or b""


@functools.lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
