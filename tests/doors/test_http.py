"""HTTP itself: methods, headers, bodies that misbehave, versions, compression, other origins."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from septet.core.body_deadline import BodyDeadline
from septet.core.message import Reply, Request, Route
from septet.doors.http import Application
from support.asgi import GONE, STALLED, assert_problem, call
from support.doors import named, open_door

ECHO = "/v1/notes/echoes/x"
NOTES = "/v1/notes/notes"
LARGE = "/v1/notes/echoes/" + "x" * 2000


async def test_a_reply_carries_what_every_reply_carries_and_nothing_else(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, "GET", ECHO)
        assert {name for name, _ in answer.headers} == {
            "etag",
            "content-type",
            "content-length",
            "cache-control",
            "x-request-id",
            "x-content-type-options",
        }
        assert answer.header("content-type") == "application/json"
        assert answer.header("content-length") == str(len(answer.raw))
        assert answer.header("cache-control") == "private, no-store"
        assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    named(
        ("nowhere", "GET", "/nowhere", 404, "not_found"),
        ("a trailing slash", "GET", ECHO + "/", 404, "not_found"),
        ("a path that is no text", "GET", b"/v1/notes/echoes/\xff", 400, "malformed"),
        ("a NUL", "GET", "/v1/notes/echoes/%00", 400, "malformed"),
        ("a broken escape", "GET", "/v1/notes/echoes/%zz", 400, "malformed"),
        ("another method", "DELETE", ECHO, 405, "method_not_allowed"),
        ("an invented method", "BREW", ECHO, 405, "method_not_allowed"),
        ("TRACE", "TRACE", ECHO, 405, "method_not_allowed"),
        ("an absolute address", "GET", "http://example.com" + ECHO, 404, "not_found"),
        ("a query that is no text", "GET", b"/v1/notes/echoes/x?loud=%ff", 400, "malformed"),
    ),
)
async def test_a_request_that_leads_nowhere(
    tmp_path: Path, method: str, target: str | bytes, status: int, code: str
) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, method, target)
        assert_problem(answer, status, code)
        assert answer.header("allow") == ("GET, HEAD, OPTIONS" if status == 405 else None)


async def test_methods_that_every_place_knows(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        get, head = await call(septet.asgi, "GET", ECHO), await call(septet.asgi, "HEAD", ECHO)
        assert head.raw == b""
        assert {n: v for n, v in head.headers if n != "x-request-id"} == {
            n: v for n, v in get.headers if n != "x-request-id"
        }
        options = await call(septet.asgi, "OPTIONS", NOTES)
        assert (options.status, options.raw) == (204, b"")
        assert options.header("allow") == "GET, HEAD, OPTIONS, POST"
        assert options.header("content-length") is None
        refused = await call(septet.asgi, "HEAD", "/v1/notes/secrets")
        assert (refused.status, refused.header("allow")) == (405, "OPTIONS, POST")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    named(
        ("too large in all", [("x-a", "a" * 20_000), ("x-b", "b" * 20_000)], 431, "headers_too_large"),
        ("one of 300 kB", [("x-a", "a" * 300_000)], 431, "headers_too_large"),
        ("too many", [(f"x-{i}", "") for i in range(101)], 431, "headers_too_large"),
        ("two tokens", [("authorization", "Bearer ada"), ("authorization", "Bearer bob")], 400, "malformed"),
        ("two lengths", [("content-length", "0"), ("content-length", "0")], 400, "malformed"),
        ("as many as may be", [(f"x-{i}", "") for i in range(100)], 200, None),
    ),
)
async def test_headers_have_limits(
    tmp_path: Path, headers: list[tuple[str, str]], status: int, code: str | None
) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, "GET", ECHO, *headers)
        assert answer.status == status
        if code is not None:
            assert_problem(answer, status, code)


JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "messages"),
    named(
        ("a length beyond the limit", b"x", [JSON, ("content-length", "5000")], 413, "body_too_large", 0),
        ("an endless length", b"x", [JSON, ("content-length", "9" * 400)], 413, "body_too_large", 0),
        ("no length at all", b"x", [JSON, ("content-length", "-1")], 400, "malformed", 0),
        ("a length that lies", b"x" * 5000, [JSON, ("content-length", "5")], 413, "body_too_large", 1),
        ("parts without an end", [b"x" * 1000] * 100, [JSON], 413, "body_too_large", 3),
        ("the client leaves", [b'{"title":', GONE], [JSON], 400, "malformed", 2),
        ("the client stalls", [b'{"title":', STALLED], [JSON], 408, "body_timeout", 2),
        ("the client never begins", [STALLED], [JSON], 408, "body_timeout", 1),
        ("another type", b"title=x", [("content-type", "text/plain")], 415, "unsupported_media_type", 0),
        ("no type", b"{}", [], 415, "unsupported_media_type", 0),
        ("another encoding", b"{}", [("content-type", "application/json; charset=latin-1")], 415, None, 0),
        ("nothing", b"", [JSON], 400, "malformed", 1),
        ("in parts", [b'{"title":', b' "x', b'"}', b""], [JSON], 201, None, 4),
    ),
)
async def test_bodies_that_misbehave(
    tmp_path: Path, body: bytes, headers: list[tuple[str, str]], status: int, code: str | None, messages: int
) -> None:
    """`messages` is how much was read of it: no more than had to be."""
    async with open_door(tmp_path, max_body=2048, body_timeout=0.05) as septet:
        answer = await call(septet.asgi, "POST", NOTES, *headers, body=body, token="ada")
        assert (answer.status, answer.messages) == (status, messages)
        if code is not None:
            assert_problem(answer, status, code)
        made = (await call(septet.asgi, "GET", NOTES, token="ada")).body["items"]
        assert len(made) == (1 if status == 201 else 0)


async def test_a_body_is_not_read_for_a_caller_who_may_not_call(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, "POST", NOTES, json={"title": "x"})
        assert (answer.status, answer.messages) == (401, 0)
        answer = await call(septet.asgi, "POST", NOTES, json={"title": "x"}, token="bob")
        assert (answer.status, answer.messages) == (403, 0)


@pytest.mark.parametrize("body", [b"{}", [b"{}"], [b"", b"{}"]])
@pytest.mark.parametrize(("method", "target"), [("GET", ECHO), ("PUT", f"{NOTES}/{'0' * 32}/pin")])
async def test_a_body_where_none_is_expected(tmp_path: Path, method: str, target: str, body: bytes) -> None:
    async with open_door(tmp_path) as septet:
        assert_problem(await call(septet.asgi, method, target, JSON, body=body, token="ada"), 400, "malformed")


async def test_an_empty_body_in_parts_is_no_body(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        assert (await call(septet.asgi, "GET", ECHO, body=[b""])).status == 200


async def test_a_read_is_not_sent_twice(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        first = await call(septet.asgi, "GET", LARGE)
        tag = first.header("etag") or ""
        again = await call(septet.asgi, "GET", LARGE, ("if-none-match", f'"other", W/{tag}'))
        assert (again.status, again.raw, again.header("etag")) == (304, b"", tag)
        assert again.header("content-type") is None
        assert again.header("content-length") is None
        assert again.header("vary") == first.header("vary") == "accept-encoding"
        assert (await call(septet.asgi, "HEAD", LARGE, ("if-none-match", tag))).status == 304
        assert (await call(septet.asgi, "GET", LARGE, ("if-none-match", '"other"'))).status == 200


async def test_compression(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        plain = await call(septet.asgi, "GET", LARGE)
        packed = await call(septet.asgi, "GET", LARGE, ("accept-encoding", "br, gzip;q=0.8"))
        assert packed.header("content-encoding") == "gzip"
        assert gzip.decompress(packed.raw) == plain.raw
        assert packed.header("content-length") == str(len(packed.raw))
        assert packed.header("vary") == "accept-encoding"
        assert packed.header("etag") == (plain.header("etag") or "")[:-1] + '-gzip"'
        tag = packed.header("etag") or ""
        again = await call(septet.asgi, "GET", LARGE, ("accept-encoding", "gzip"), ("if-none-match", tag))
        assert (again.status, again.header("etag"), again.header("content-encoding")) == (304, tag, None)


@pytest.mark.parametrize(
    ("accept_encoding", "packed"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("gzipped", False),
        ("br", False),
        ("", False),
    ],
)
async def test_only_who_can_read_gzip_gets_it(tmp_path: Path, accept_encoding: str, packed: bool) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, "GET", LARGE, ("accept-encoding", accept_encoding))
        assert (answer.header("content-encoding") == "gzip") is packed


async def test_what_is_small_or_secret_is_not_compressed(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        small = await call(septet.asgi, "GET", ECHO, ("accept-encoding", "gzip"))
        assert (small.header("content-encoding"), small.header("vary")) == (None, None)
        place = {"city": "Graz", "country": "AT"}
        secret = await call(septet.asgi, "POST", "/v1/notes/secrets", ("accept-encoding", "gzip"), json=place)
        assert (secret.status, secret.header("content-encoding")) == (201, None)
        assert len(secret.raw) > 5000


PREFLIGHT = ("access-control-request-method", "POST")


async def test_other_origins_are_shut_out_by_default(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for answer in (
            await call(septet.asgi, "GET", ECHO, ("origin", "https://shop.example")),
            await call(septet.asgi, "OPTIONS", NOTES, ("origin", "https://shop.example"), PREFLIGHT),
        ):
            assert not [name for name, _ in answer.headers if name.startswith("access-control")]


async def test_an_origin_that_is_let_in(tmp_path: Path) -> None:
    async with open_door(tmp_path, cors_origins=("https://shop.example",)) as septet:
        for origin, allowed in (("https://shop.example", True), ("https://shop.example.evil", False), ("null", False)):
            answer = await call(septet.asgi, "GET", ECHO, ("origin", origin))
            assert answer.header("access-control-allow-origin") == (origin if allowed else None)
            assert answer.header("access-control-allow-credentials") is None
            assert answer.header("vary") == "origin"
            preflight = await call(septet.asgi, "OPTIONS", NOTES, ("origin", origin), PREFLIGHT)
            assert preflight.status == 204
            assert preflight.header("access-control-allow-methods") == ("GET, HEAD, OPTIONS, POST" if allowed else None)
            assert ("Idempotency-Key" in (preflight.header("access-control-allow-headers") or "")) is allowed
        refusal = await call(septet.asgi, "GET", NOTES, ("origin", "https://shop.example"))
        assert (refusal.status, refusal.header("access-control-allow-origin")) == (401, "https://shop.example")
        assert "RateLimit" in (refusal.header("access-control-expose-headers") or "")


async def test_any_origin(tmp_path: Path) -> None:
    async with open_door(tmp_path, cors_origins=("*",)) as septet:
        answer = await call(septet.asgi, "GET", ECHO, ("origin", "https://anywhere.example"))
        assert answer.header("access-control-allow-origin") == "*"


async def test_over_tls_it_stays_so(tmp_path: Path) -> None:
    async with open_door(tmp_path, trusted_proxies=("10.0.0.0/8",)) as septet:
        forwarded = ("x-forwarded-proto", "https")
        assert (await call(septet.asgi, "GET", ECHO)).header("strict-transport-security") is None
        assert (await call(septet.asgi, "GET", ECHO, scheme="https")).header("strict-transport-security")
        assert (await call(septet.asgi, "GET", ECHO, forwarded)).header("strict-transport-security") is None
        answer = await call(septet.asgi, "GET", ECHO, forwarded, peer="10.1.2.3")
        assert answer.header("strict-transport-security") == "max-age=31536000"


async def test_request_ids(tmp_path: Path) -> None:
    async with open_door(tmp_path, trusted_proxies=("10.0.0.1",)) as septet:
        own = {(await call(septet.asgi, "GET", ECHO)).header("x-request-id") for _ in range(3)}
        assert len(own) == 3
        for given, peer, kept in (
            ("from-proxy.1", "10.0.0.1", True),
            ("from-stranger", "203.0.113.7", False),
            ("with space", "10.0.0.1", False),
            ("x" * 65, "10.0.0.1", False),
            ("", "10.0.0.1", False),
        ):
            answer = await call(septet.asgi, "GET", ECHO, ("x-request-id", given), peer=peer)
            assert (answer.header("x-request-id") == given) is kept


async def test_a_system_may_answer_raw_requests(tmp_path: Path) -> None:
    """A protocol of its own passes the same door: limits, headers, problems, methods."""

    async def greet(request: Request) -> Reply:
        (name,) = request.parameters
        body = await request.body(10, BodyDeadline(1.0))
        return Reply(200, name.encode() + b" " + body, b"text/plain", headers=[(b"x-own", b"1")])

    async with open_door(tmp_path) as septet:
        routes = [Route("POST", "/hooks/{name}", greet, "greet")]
        app = Application(septet.runtime, septet.pipeline, routes)
        answer = await call(app, "POST", "/hooks/a%20b", body=b"hello")
        assert (answer.status, answer.raw, answer.header("x-own")) == (200, b"a b hello", "1")
        assert (answer.header("content-type"), answer.header("x-content-type-options")) == ("text/plain", "nosniff")
        assert_problem(await call(app, "POST", "/hooks/x", body=b"x" * 11), 413, "body_too_large")
        assert (await call(app, "GET", "/hooks/x")).header("allow") == "OPTIONS, POST"
        with pytest.raises(TypeError, match="GET /health/live"):
            Application(septet.runtime, septet.pipeline, [Route("GET", "/health/live", greet, "twice")])
