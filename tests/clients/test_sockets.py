"""Clients that misbehave on the wire, against the real server: what they get, and that nothing is left behind."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from support.doors import named
from support.served import sign_in

NOTES = "/v1/notes/notes"


def connect(server: str) -> socket.socket:
    address = urlsplit(server)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def answered(server: str, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send `parts` as they are, and read one reply."""
    with closing(connect(server)) as connection:
        for part in parts:
            connection.sendall(part)
        return read_reply(connection)


def read_reply(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += (part := connection.recv(65_536))
        assert part, f"closed after {received!r}"
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return int(first.split()[1]), headers, body


def create(token: str, *headers: str) -> bytes:
    lines = [f"POST {NOTES} HTTP/1.1", "host: x", f"authorization: Bearer {token}", "content-type: application/json"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def titles(server: str, token: str) -> set[str]:
    answer = httpx.get(f"{server}{NOTES}?limit=100", headers={"authorization": f"Bearer {token}"})
    return {note["title"] for note in answer.json()["items"]}


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    named(
        ("a NUL in the path", b"GET /v1/notes/echoes/%00 HTTP/1.1", b"x: y", 400),
        ("a path that is no text", b"GET /v1/notes/echoes/%ff HTTP/1.1", b"x: y", 400),
        ("a slash inside a segment", b"GET /v1/notes/echoes/a%2Fb HTTP/1.1", b"x: y", 200),
        ("dots", b"GET /v1/notes/echoes/../x HTTP/1.1", b"x: y", 404),
        ("300 kB of one header", b"GET /health/live HTTP/1.1", b"x: " + b"y" * 300_000, 431),
        ("an invented method", b"BREWED /health/live HTTP/1.1", b"x: y", 400),
        ("a method that is not for here", b"PURGE /health/live HTTP/1.1", b"x: y", 405),
        ("two tokens", b"GET /v1/notes/notes HTTP/1.1", b"authorization: Bearer a\r\nauthorization: Bearer b", 400),
    ),
)
def test_requests_that_are_odd(server: str, request_line: bytes, header: bytes, status: int) -> None:
    found, headers, body = answered(server, request_line + b"\r\nhost: x\r\n" + header + b"\r\n\r\n")
    assert found == status
    if status != 200:
        assert headers["content-type"] == "application/problem+json"
        assert msgspec.json.decode(body)["status"] == status


def test_more_headers_than_the_server_reads(server: str) -> None:
    status, _, body = answered(server, b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 101 + b"\r\n")
    assert (status, msgspec.json.decode(body)["code"]) == (431, "headers_too_large")


def test_a_body_that_stalls_is_given_up_and_leaves_nothing(server: str) -> None:
    token = sign_in(server)
    began = time.monotonic()
    status, _, body = answered(server, create(token, "content-length: 100"), b'{"title": "stalled"')
    assert (status, msgspec.json.decode(body)["code"]) == (408, "body_timeout")
    assert 0.5 < time.monotonic() - began < 9
    assert "stalled" not in titles(server, token)


def test_a_client_that_leaves_amid_its_body_leaves_nothing(server: str) -> None:
    token = sign_in(server)
    with closing(connect(server)) as connection:
        connection.sendall(create(token, "content-length: 22") + b'{"title": "departed"')
    with closing(connect(server)) as connection:
        connection.sendall(create(token, "transfer-encoding: chunked") + b'14\r\n{"title": "departed"\r\n')
    assert "departed" not in titles(server, token)


def test_a_body_in_chunks_is_one_body_and_has_its_limit(server: str) -> None:
    token = sign_in(server)
    chunks = b'a\r\n{"title": \r\na\r\n"chunked"}\r\n0\r\n\r\n'
    status, _, _ = answered(server, create(token, "transfer-encoding: chunked"), chunks)
    assert status == 201
    assert "chunked" in titles(server, token)
    endless = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    with closing(connect(server)) as connection:
        connection.sendall(create(token, "transfer-encoding: chunked"))
        for _ in range(9):
            connection.sendall(endless)
        status, _, body = read_reply(connection)
    assert (status, msgspec.json.decode(body)["code"]) == (413, "body_too_large")


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(server: str) -> None:
    status, _, body = answered(server, create(sign_in(server), "content-length: 9999999"))
    assert (status, msgspec.json.decode(body)["code"]) == (413, "body_too_large")


def test_a_head_has_the_length_of_the_body_that_it_leaves_out(server: str) -> None:
    with closing(connect(server)) as connection:
        request = b"%s /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        connection.sendall(request % b"HEAD" + b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        received = b""
        while b'{"status":"live"}' not in received:
            received += connection.recv(65_536)
    head, _, rest = received.partition(b"\r\n\r\n")
    length = httpx.get(f"{server}/openapi.json", headers={"accept-encoding": "identity"}).headers["content-length"]
    assert f"content-length: {length}".encode() in head.lower()
    assert rest.startswith(b"HTTP/1.1 200")
