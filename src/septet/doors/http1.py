"""HTTP/1.1 on open sockets (RFC 9112): bytes parsed by llhttp into requests, replies written as bytes.

One connection answers one request at a time, in the order they came. What a client may keep waiting is bounded in
time and size: its headers, the pause between two requests, the reading of a reply; its body is bounded where it is
read. Nothing is lenient: what llhttp finds wrong is answered 400, and the connection closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections import deque
from typing import Any

import httptools
import structlog

from septet.core.errors import Malformed
from septet.core.http_problems import HeadersTooLarge
from septet.core.message import Request
from septet.doors.http import MOST_ADDRESS, Application
from septet.doors.http1_messages import Incoming, head_of, path_of

log = structlog.get_logger()

IDLE_SECONDS = 75.0  # between two requests; more than the 60 that proxies keep a connection
HEADER_SECONDS = 15.0  # for all headers of a request
WRITE_SECONDS = 60.0  # without the client reading anything of a reply
LINGER_SECONDS = 2.0  # for a client to read a reply that came before it had sent all
_LOOK_SECONDS = 1.0
_MOST_WAITING = 65_536  # bytes of a body that nobody reads yet: beyond them the client is not listened to
_NEVER = float("inf")


class HttpServer:
    """Answers on one listening socket, until `stop`."""

    def __init__(self, application: Application, *, backlog: int) -> None:
        self.application = application
        self.stopping = False
        self.most_headers = application.runtime.floor.max_headers
        self.connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._backlog = backlog
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept connections. The socket stays the caller's: what is closed here is a copy of it."""
        loop = asyncio.get_running_loop()
        make = functools.partial(Connection, self, loop)
        self._server = await loop.create_server(make, sock=listener.dup(), backlog=self._backlog)
        self._looking = loop.create_task(self._look())

    def stop(self) -> None:
        """Accept no more connections, close those that are idle, and each of the others after its reply."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close_if_idle()

    def forget(self, connection: Connection) -> None:
        """It has ended."""
        self.connections.discard(connection)
        if self.stopping and not self.connections:
            self._empty.set()

    async def wait_until_closed(self) -> None:
        """Until every connection has ended."""
        if self.connections:
            await self._empty.wait()
        await self.abort()

    async def abort(self) -> None:
        """End what is left, at once."""
        for connection in list(self.connections):
            connection.abort()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        """One timer for all connections: each costs less than a timer of its own a request."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in [late for late in self.connections if late.until <= now]:
                connection.expire()


class Connection(asyncio.Protocol):
    """One client. `until` is when it has kept us waiting for too long, in the loop's time."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._application = server.application
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._peer = ""
        self._scheme = "http"
        self._incoming: Incoming | None = None  # what the parser is at
        self._in_headers = False
        self._header_bytes = 0
        self._queue: deque[tuple[Request, Incoming]] = deque()
        self._answering: Incoming | None = None
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._deaf = False  # nothing of what still comes is understood
        self._lingers = False  # nothing more is answered; the client may still read
        self._ended = False  # the client sends no more
        self.gone = False
        self.until = loop.time() + HEADER_SECONDS

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._server.forget(self)
        self._queue.clear()
        for incoming in (self._incoming, self._answering):
            if incoming is not None:
                incoming.wake()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._in_headers or self._incoming is None:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no protocol is changed to here: what was asked is answered, and what follows it is not read
        except httptools.HttpParserError:
            self._refuse(Malformed("This is no HTTP request."))
            return
        if self._in_headers and self._header_bytes > self._server.most_headers + MOST_ADDRESS:
            self._refuse(HeadersTooLarge(f"At most {self._server.most_headers} bytes of headers."))

    def eof_received(self) -> bool:
        """A client that sends no more may still read: it is answered what it asked in full."""
        self._ended = True
        return self._answering is not None and self._answering.complete

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()
        self.until = self._loop.time() + WRITE_SECONDS

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # What the parser tells

    def on_message_begin(self) -> None:
        self._incoming = Incoming(self)
        self._in_headers = True
        self._header_bytes = 0
        if self._answering is None:
            self.until = self._loop.time() + HEADER_SECONDS

    def on_url(self, url: bytes) -> None:
        assert self._incoming is not None
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._incoming is not None
        if not self._in_headers:
            return  # among the trailers, which may name anything
        name = name.lower()
        self._incoming.headers.append((name, value))
        if name == b"host":
            self._incoming.names_host = True
        elif name == b"expect":
            self._incoming.wants_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        incoming = self._incoming
        assert incoming is not None
        self._in_headers = False
        if self._deaf:
            return
        request = self._read_request(incoming)
        if request is None:
            return
        self._queue.append((request, incoming))
        if self._answering is None:
            self._answer_next()
        else:
            self._transport.pause_reading()

    def on_body(self, body: bytes) -> None:
        incoming = self._incoming
        assert incoming is not None
        incoming.add(body)
        if incoming.size > _MOST_WAITING:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        incoming, self._incoming = self._incoming, None
        assert incoming is not None
        incoming.complete = True
        incoming.wake()

    # Answering

    def _read_request(self, incoming: Incoming) -> Request | None:
        parser, url = self._parser, incoming.url
        incoming.keep_alive = parser.should_keep_alive() and not parser.should_upgrade()
        if not incoming.names_host and parser.get_http_version() == "1.1":
            self._refuse(Malformed("A request says in `Host` whom it is for."))  # RFC 9112 section 3.2
            return None
        if url.startswith(b"/"):
            path, _, query = url.partition(b"?")
        else:
            path, query = path_of(url)
        method = parser.get_method().decode("ascii")
        return Request(method, path, query, incoming.headers, self._peer, self._scheme, incoming)

    def _answer_next(self) -> None:
        request, incoming = self._queue.popleft()
        self._answering = incoming
        self.until = _NEVER
        self._task = self._loop.create_task(self._answer(request, incoming))

    async def _answer(self, request: Request, incoming: Incoming) -> None:
        application = self._application
        application.begin()
        try:
            reply = await application.answer(request)
            closes = self._is_last(incoming)
            self.write(head_of(reply, closes=closes) + (b"" if request.method == "HEAD" else reply.body))
            while self._drained is not None and not self.gone:
                await self._drained
        except Exception as error:
            log.error("a reply could not be sent", request_id=request.request_id, exc_info=error)
            self._transport.abort()
            return
        finally:
            application.end()
            self._answering = None
        if closes:
            self._close(in_full=incoming.complete)
        elif self._queue:
            self._answer_next()
        else:
            self.until = self._loop.time() + (IDLE_SECONDS if self._incoming is None else HEADER_SECONDS)
            self.listen()

    def _is_last(self, incoming: Incoming) -> bool:
        """Whether the connection ends with this reply: asked for, or because what follows could not be understood."""
        if not incoming.keep_alive or not incoming.complete or (self._ended and not self._queue):
            return True
        return self._server.stopping or self._application.draining

    def write(self, data: bytes) -> None:
        if not self.gone:
            self._transport.write(data)

    def listen(self) -> None:
        """Read on, if reading had been paused."""
        if not self.gone and not self._transport.is_reading():
            self._transport.resume_reading()

    def close_if_idle(self) -> None:
        if self._answering is None and not self._lingers:
            self._transport.close()

    def abort(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def expire(self) -> None:
        """It has kept us waiting for too long."""
        if self._drained is not None or self._lingers:
            self._transport.abort()
        else:
            self._transport.close()

    def _close(self, *, in_full: bool) -> None:
        """End the connection; if the client still sends, only once it had the time to read its reply."""
        if in_full:
            self._transport.close()
            return
        self._deaf = self._lingers = True
        self.until = self._loop.time() + LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.listen()

    def _refuse(self, problem: Malformed | HeadersTooLarge) -> None:
        """Answer what cannot be understood, after what could be, and close."""
        self._deaf = self._ended = True
        if self._answering is not None:
            if self._incoming is not None:  # whoever reads its body says what is wrong
                self._incoming.broken = True
                self._incoming.wake()
            return
        request = Request("GET", b"/", b"", (), self._peer, self._scheme, Incoming(self))
        reply = self._application.refuse(request, problem)
        self.write(head_of(reply, closes=True) + reply.body)
        self._close(in_full=False)
