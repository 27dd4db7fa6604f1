"""HTTP/1.1 on real sockets, byte for byte: what is answered, what is refused, and when a connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from septet.core.body_deadline import BodyDeadline
from septet.core.message import Reply, Request, Route
from septet.doors import http1
from septet.doors.http import MOST_ADDRESS, Application
from septet.doors.http1 import HttpServer
from support.doors import open_door

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"


class Client:
    """A connection to the server, read reply by reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def reply(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        status, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = dict(line.split(": ", 1) for line in lines)
        length = 0 if bodiless else int(headers.get("content-length", "0"))
        return int(status.split()[1]), headers, await asyncio.wait_for(self.reader.readexactly(length), 5)

    async def ended(self) -> bytes:
        """What comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 5)


class Served:
    def __init__(self, server: HttpServer, listener: socket.socket) -> None:
        self.server = server
        self.listener = listener
        self.port = listener.getsockname()[1]
        self._clients: list[asyncio.StreamWriter] = []

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._clients.append(writer)
        return Client(reader, writer)

    async def ask(self, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
        client = await self.connect()
        client.send(*parts)
        return await client.reply()

    def leave(self) -> None:
        for writer in self._clients:
            writer.close()


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@contextlib.asynccontextmanager
async def serving(folder: Path, *routes: Route) -> AsyncIterator[Served]:
    async with open_door(folder) as septet:
        application = Application(septet.runtime, septet.pipeline, routes) if routes else septet.asgi
        server = HttpServer(application, backlog=16)
        with listening() as listener:
            await server.start(listener)
            served = Served(server, listener)
            try:
                yield served
            finally:
                served.leave()
                server.stop()
                await server.abort()


async def _echo(request: Request) -> Reply:
    body = await request.body(1_000_000, BodyDeadline(5.0))
    return Reply(200, b"%d:" % len(body) + body[:20], b"text/plain")


ECHO = Route("POST", "/echo", _echo, "echo")


async def test_one_connection_answers_many_requests_in_their_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        client = await served.connect()
        for _ in range(3):
            client.send(LIVE, b"\r\n")
            status, headers, body = await client.reply()
            assert (status, body) == (200, b'{"status":"live"}')
            assert "connection" not in headers
            assert headers["date"].endswith("GMT")
        client.send(LIVE, b"\r\n", b"GET /nope HTTP/1.1\r\nHost: h\r\n\r\n", LIVE, b"\r\n")
        assert [(await client.reply())[0] for _ in range(3)] == [200, 404, 200]


async def test_a_head_has_the_headers_and_no_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        client = await served.connect()
        client.send(b"HEAD /health/live HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, _ = await client.reply(bodiless=True)
        assert (status, headers["content-length"]) == (200, "17")
        client.send(LIVE, b"\r\n")
        assert (await client.reply())[2] == b'{"status":"live"}'


async def test_a_body_comes_whole_in_parts_or_chunked(tmp_path: Path) -> None:
    async with serving(tmp_path, ECHO) as served:
        client = await served.connect()
        head = b"POST /echo HTTP/1.1\r\nHost: h\r\n"
        client.send(head, b"Content-Length: 5\r\n\r\nhello")
        assert (await client.reply())[2] == b"5:hello"
        client.send(head, b"Content-Length: 5\r\n\r\nhe")
        await asyncio.sleep(0.02)
        client.send(b"llo")
        assert (await client.reply())[2] == b"5:hello"
        client.send(head, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await asyncio.sleep(0.02)
        client.send(b"6\r\n world\r\n0\r\nX-Trailer: 1\r\nAuthorization: Bearer x\r\n\r\n")
        assert (await client.reply())[2] == b"11:hello world"
        big = b"x" * 900_000
        client.send(head, b"Content-Length: 900000\r\n\r\n", big)
        assert (await client.reply())[2] == b"900000:" + big[:20]


async def test_who_asks_first_whether_to_send_a_body_is_told_to(tmp_path: Path) -> None:
    """RFC 9110 section 10.1.1."""
    async with serving(tmp_path, ECHO) as served:
        client = await served.connect()
        client.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hi")
        assert (await client.reply())[2] == b"2:hi"


async def test_a_refusal_before_the_body_ends_the_connection_and_is_still_read(tmp_path: Path) -> None:
    async with serving(tmp_path, ECHO) as served:
        client = await served.connect()
        client.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n", b"x" * 500_000)
        status, headers, body = await client.reply()
        assert (status, headers["connection"]) == (413, "close")
        assert b"body_too_large" in body
        client.send(b"x" * 100_000)
        assert await client.ended() == b""


REFUSED = {
    "no HTTP": b"hello there\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": LIVE + b"Host: other\r\n\r\n",
    "a length and chunks": LIVE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": LIVE + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length that is none": LIVE + b"Content-Length: +3\r\n\r\nabc",
    "chunked last but one": LIVE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": LIVE + b"Authorization : x\r\n\r\n",
    "a folded header": LIVE + b"X: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: h\n\n",
    "a NUL": LIVE + b"X: a\x00b\r\n\r\n",
    "a chunk of no size": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_request_is_refused_and_the_connection_closed(tmp_path: Path, case: str) -> None:
    """RFC 9112 sections 2.2, 3.2, 5.1, 6.3: whatever two servers could read in two ways."""
    async with serving(tmp_path, ECHO) as served:
        client = await served.connect()
        client.send(REFUSED[case], LIVE, b"\r\n")
        status, headers, body = await client.reply()
        assert (status, headers["content-type"]) == (400, "application/problem+json")
        assert b'"code":"malformed"' in body
        if case != "two hosts":  # which is a request, and refused by who reads it
            assert headers["connection"] == "close"
            assert await client.ended() == b""


async def test_too_many_headers_and_too_long_an_address(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        many = b"".join(b"X-%d: y\r\n" % number for number in range(101))
        assert (await served.ask(LIVE, many, b"\r\n"))[0] == 431
        assert (await served.ask(LIVE, b"X: ", b"y" * 40_000, b"\r\n\r\n"))[0] == 431
        assert (await served.ask(b"GET /", b"x" * MOST_ADDRESS, b" HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 414
        client = await served.connect()
        with contextlib.suppress(ConnectionError):
            for _ in range(100):  # headers without an end
                client.send(b"GET / HTTP/1.1\r\n" if _ == 0 else b"X: " + b"y" * 5_000 + b"\r\n")
                await client.writer.drain()
                await asyncio.sleep(0.001)
        assert (await client.reply())[0] == 431


async def test_a_path_arrives_as_it_was_sent(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def see(request: Request) -> Reply:
        seen.extend([request.path, request.query])
        return Reply(204)

    async with serving(tmp_path, Route("GET", "/see/{it}", see, "see")) as served:
        client = await served.connect()
        for target in (b"/see/a%2Fb?c=%ff", b"http://other.example/see/x?y", b"/see/%C3%A9"):
            client.send(b"GET ", target, b" HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await client.reply())[0] == 204
        assert seen == [b"/see/a%2Fb", b"c=%ff", b"/see/x", b"y", b"/see/%C3%A9", b""]


async def test_closing_when_asked_and_with_http_1_0(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for request in (LIVE + b"Connection: close\r\n\r\n", b"GET /health/live HTTP/1.0\r\n\r\n"):
            client = await served.connect()
            client.send(request)
            status, headers, _ = await client.reply()
            assert (status, headers["connection"]) == (200, "close")
            assert await client.ended() == b""


async def test_who_sends_no_more_is_answered_all_they_asked(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        client = await served.connect()
        client.send(LIVE, b"\r\n", LIVE, b"\r\n")
        client.writer.write_eof()
        assert [(await client.reply())[0] for _ in range(2)] == [200, 200]
        assert await client.ended() == b""


async def test_a_protocol_is_not_changed(tmp_path: Path) -> None:
    """RFC 9110 section 7.8: a server may ignore `Upgrade`."""
    async with serving(tmp_path) as served:
        client = await served.connect()
        client.send(LIVE, b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
        status, headers, _ = await client.reply()
        assert (status, headers["connection"]) == (200, "close")


async def test_slow_clients_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "HEADER_SECONDS", 0.1)
    monkeypatch.setattr(http1, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(http1, "_LOOK_SECONDS", 0.02)
    async with serving(tmp_path) as served:
        silent, dribbling, idle = [await served.connect() for _ in range(3)]
        dribbling.send(b"GET / HT")
        idle.send(LIVE, b"\r\n")
        assert (await idle.reply())[0] == 200
        assert [await client.ended() for client in (silent, dribbling, idle)] == [b"", b"", b""]
        assert served.server.connections == set()


async def test_a_client_that_reads_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "WRITE_SECONDS", 0.1)
    monkeypatch.setattr(http1, "_LOOK_SECONDS", 0.02)

    async def much(request: Request) -> Reply:
        return Reply(200, b"x" * 20_000_000, b"text/plain", compressible=False)

    async with serving(tmp_path, Route("GET", "/much", much, "much")) as served:
        client = await served.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(b"GET /much HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(5):
            while served.server.connections or served.server.application.metrics.running:
                await asyncio.sleep(0.01)


async def test_stopping_answers_what_runs_and_closes_what_is_idle(tmp_path: Path) -> None:
    going = asyncio.Event()

    async def wait(request: Request) -> Reply:
        await going.wait()
        return Reply(204)

    async with serving(tmp_path, Route("GET", "/wait", wait, "wait")) as served:
        idle, busy = await served.connect(), await served.connect()
        busy.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.02)
        served.listener.close()
        served.server.stop()
        assert await idle.ended() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", served.port)
        going.set()
        status, headers, _ = await busy.reply()
        assert (status, headers["connection"]) == (204, "close")
        await asyncio.wait_for(served.server.wait_until_closed(), 5)


async def test_a_client_that_leaves_does_not_stop_what_it_asked_for(tmp_path: Path) -> None:
    going, done = asyncio.Event(), asyncio.Event()

    async def work(request: Request) -> Reply:
        await going.wait()
        done.set()
        return Reply(204)

    async with serving(tmp_path, Route("GET", "/work", work, "work")) as served:
        client = await served.connect()
        client.send(b"GET /work HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.02)
        client.writer.close()
        await asyncio.sleep(0.02)
        going.set()
        await asyncio.wait_for(done.wait(), 5)


async def test_a_header_cannot_break_out_of_its_line(tmp_path: Path) -> None:
    async def inject(request: Request) -> Reply:
        return Reply(204, headers=[(b"location", b"/x\r\nset-cookie: a=b")])

    async with serving(tmp_path, Route("GET", "/inject", inject, "inject")) as served:
        client = await served.connect()
        client.send(b"GET /inject HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await client.ended() == b""
