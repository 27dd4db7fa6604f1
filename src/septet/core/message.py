"""A request and a reply as the HTTP doors see them, free of any server's protocol.

Everything between the two is a function `Request -> Reply`; `doors/http1.py` and `doors/asgi.py` bring it to a client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from septet.core.body_deadline import BodyDeadline
from septet.core.context import NOWHERE, Client
from septet.core.errors import Malformed, Problem
from septet.core.http_problems import BodyTooLarge, HeadersTooLarge
from septet.core.trail import Trail

Headers = Sequence[tuple[bytes, bytes]]

MOST_HEADERS = 100
JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
PRIVATE = b"private, no-store"
REPLAYED = (b"idempotent-replayed", b"true")

# The headers that every request is looked through for, each with the attribute that it becomes.
_PICKED = {
    b"accept-encoding": "accept_encoding",
    b"access-control-request-method": "preflight_method",
    b"authorization": "authorization",
    b"content-length": "content_length",
    b"content-type": "content_type",
    b"cookie": "cookie",
    b"forwarded": "forwarded",
    b"host": "host",
    b"idempotency-key": "idempotency_key",
    b"if-none-match": "if_none_match",
    b"origin": "origin",
    b"traceparent": "traceparent",
    b"transfer-encoding": "transfer_encoding",
    b"user-agent": "user_agent",
    b"x-forwarded-for": "forwarded_for",
    b"x-forwarded-proto": "forwarded_proto",
    b"x-request-id": "given_request_id",
}
_LISTS = {
    "accept_encoding",
    "forwarded",
    "forwarded_for",
    "forwarded_proto",
    "if_none_match",
    "traceparent",
    "transfer_encoding",
}
_NOT_PICKED = dict.fromkeys(_PICKED.values())


class BodySource(Protocol):
    """Where the body of a request comes from."""

    def arrived(self) -> bytes | None:
        """The whole body if it is there at once, None if it is not. Asked once, before any `part`."""
        ...

    async def part(self) -> bytes:
        """The next part, nothing at the end. Raises Malformed if the client leaves before that."""
        ...


class Request:
    """One request. `read_headers` fills in what is picked from its headers; who asks and the route come after."""

    accept_encoding: bytes | None
    authorization: bytes | None
    content_length: bytes | None
    content_type: bytes | None
    cookie: bytes | None
    forwarded: bytes | None
    forwarded_for: bytes | None
    forwarded_proto: bytes | None
    given_request_id: bytes | None
    host: bytes | None
    idempotency_key: bytes | None
    if_none_match: bytes | None
    origin: bytes | None
    preflight_method: bytes | None
    traceparent: bytes | None
    transfer_encoding: bytes | None
    user_agent: bytes | None

    __slots__ = (
        *_NOT_PICKED,
        "actor_id",
        "client",
        "headers",
        "method",
        "parameters",
        "path",
        "peer",
        "query",
        "request_id",
        "scheme",
        "source",
        "trail",
    )

    def __init__(
        self, method: str, path: bytes, query: bytes, headers: Headers, peer: str, scheme: str, source: BodySource
    ) -> None:
        self.method = method
        self.path = path  # as it was sent: still percent-encoded
        self.query = query
        self.headers = headers
        self.peer = peer
        self.scheme = scheme
        self.source = source
        self.request_id = ""
        self.trail = Trail("http")
        self.client: Client = NOWHERE
        self.parameters: list[str] = []  # the texts that stood where the route has parameters
        self.actor_id: object = None  # for the log
        self.accept_encoding = self.authorization = self.content_length = self.content_type = None
        self.cookie = self.forwarded = self.forwarded_for = self.forwarded_proto = self.given_request_id = None
        self.host = self.idempotency_key = self.if_none_match = self.origin = None
        self.preflight_method = self.traceparent = self.transfer_encoding = self.user_agent = None

    def read_headers(self, most_bytes: int) -> None:
        """One pass over the headers. Raises HeadersTooLarge, and Malformed for one that may not be repeated."""
        headers = self.headers
        if len(headers) > MOST_HEADERS:
            raise HeadersTooLarge(f"At most {MOST_HEADERS} headers.")
        size = 0
        for name, value in headers:
            size += len(name) + len(value)
            attribute = _PICKED.get(name)
            if attribute is None:
                continue
            earlier = getattr(self, attribute)
            if earlier is None:
                setattr(self, attribute, value)
            elif attribute in _LISTS:
                setattr(self, attribute, earlier + b", " + value)
            else:
                raise Malformed(f"The header {name.decode('latin-1')} may be given once.")
        if size > most_bytes:
            raise HeadersTooLarge(f"At most {most_bytes} bytes of headers.")

    def header(self, name: bytes) -> str | None:
        """Any header, by its name in lower case; repeated ones joined by commas."""
        found = [value for key, value in self.headers if key == name]
        return b", ".join(found).decode("latin-1") if found else None

    @property
    def announces_body(self) -> bool:
        """Whether the headers say that a body follows."""
        return self.transfer_encoding is not None or self.content_length not in {None, b"0"}

    async def body(self, most_bytes: int, deadline: BodyDeadline) -> bytes:
        """The whole body. Raises BodyTooLarge as soon as it is, BodyTimeout, and Malformed if the client leaves.

        With `most_bytes` zero there must be none: Malformed if there is.
        """
        length = self.content_length
        if length is not None:
            if not length.isdigit():
                raise Malformed("Content-Length is a number.")
            if int(length[:19]) > most_bytes:
                raise _too_large(most_bytes)
        whole = self.source.arrived()
        if whole is not None:
            if len(whole) > most_bytes:
                raise _too_large(most_bytes)
            return whole
        return await deadline.read(self._read(most_bytes))

    async def _read(self, most_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := await self.source.part():
            size += len(part)
            if size > most_bytes:
                raise _too_large(most_bytes)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most_bytes: int) -> Problem:
    if most_bytes == 0:
        return Malformed("No body is expected here.")
    return BodyTooLarge(f"At most {most_bytes} bytes of body.")


class Reply(Struct):
    """What is answered. `headers` are those of this reply alone; the common ones are added last.

    compressible: False for a body that holds a secret (its compressed size could tell about it), or that is
    compressed by nature. gzipped: the body compressed beforehand.
    """

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: list[tuple[bytes, bytes]] = []
    etag: str | None = None
    cache: bytes = PRIVATE
    compressible: bool = True
    gzipped: bytes | None = None


Handler = Callable[[Request], Awaitable[Reply]]


class Route(Struct, frozen=True):
    """A raw handler at a path, for what is no operation: pages, health, standard protocols."""

    method: str
    path: str
    handler: Handler
    name: str
