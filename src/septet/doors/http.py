"""The HTTP door: one application for every request, whatever answers it.

A request takes one path: headers read and limited → who the client is → route → its handler → the headers that
every reply carries → counted and, if it failed or was slow, logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from typing import Any

import structlog

from septet.core.body_deadline import BodyDeadline
from septet.core.errors import NotFound, Problem
from septet.core.http_problems import AddressTooLong, MethodNotAllowed
from septet.core.message import HTML, Reply, Request, Route
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.core.trail import TRAIL, new_trace_id
from septet.core.versions import COMPRESSED, is_known
from septet.doors.asgi import answer_asgi
from septet.doors.bearer import Callers
from septet.doors.client import Clients
from septet.doors.compression import WORTH_IT, accepts_gzip, compress
from septet.doors.cookies import Cookies
from septet.doors.cors import Cors
from septet.doors.doorway import SystemDoorway
from septet.doors.graphql.door import GraphQLDoor
from septet.doors.health import Health
from septet.doors.mcp import Mcp
from septet.doors.metrics import Metrics
from septet.doors.openapi import OpenApi
from septet.doors.rest import OperationHandler, failed, located_paths, reply_of
from septet.doors.routing import Endpoint, Node, Router
from septet.doors.site import Site

log = structlog.get_logger()

_GIVEN_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
MOST_ADDRESS = 16_384  # bytes of path and query
_WITHOUT_BODY = frozenset({204, 304})
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_EVERY_PAGE = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"referrer-policy", b"same-origin"),  # with none at all, browsers hide the origin of our own forms
    (b"x-frame-options", b"DENY"),
)
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")


class Application:
    """Answers every request. `routes` are raw handlers of systems that speak a protocol of their own."""

    def __init__(self, runtime: Runtime, pipeline: Pipeline, routes: Iterable[Route] = ()) -> None:
        self.runtime = runtime
        self.metrics = Metrics()
        self.draining = False
        self._idle = asyncio.Event()
        self._clients = Clients(runtime.floor.trusted_proxies)
        self._cors = Cors(runtime.floor.cors_origins)
        self._most_headers = runtime.floor.max_headers
        self._log_requests = runtime.floor.log_requests
        self._router = Router()
        runtime.measures.add(self.metrics.measures)
        self._nowhere = Endpoint("none", "", "", _nothing_here)
        operations = list(runtime.registry.operations.values())
        located = located_paths(operations)
        deadline = BodyDeadline(runtime.floor.body_timeout)
        callers = Callers(runtime.authentication, Cookies(runtime.floor))
        for operation in operations:
            declared = operation.declared
            handler = OperationHandler(
                runtime, pipeline, operation, deadline, callers, locates=declared.path in located
            )
            self._router.add(Endpoint(operation.name, declared.method, declared.path, handler))
        openapi, site = OpenApi(runtime), Site(runtime)
        mcp = Mcp(runtime, pipeline, deadline, site, openapi)
        graphql = GraphQLDoor(runtime, pipeline, deadline, site.graphql, callers)
        lent = (
            route
            for card in runtime.registry.systems
            if card.routes is not None
            for route in card.routes(SystemDoorway(runtime, pipeline, deadline, site, callers, card.name))
        )
        ours = (*Health(self).routes(), *openapi.routes(), *site.routes(), *graphql.routes(), *mcp.routes())
        for route in (*ours, *lent, *routes):
            self._router.add(Endpoint(route.name, route.method, route.path, route.handler))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speaks ASGI, for servers and tests that do; `septet serve` has `doors/http1.py`."""
        await answer_asgi(self, scope, receive, send)

    def begin(self) -> None:
        """A request is to be answered; `end` follows once its reply is out."""
        self.metrics.running += 1

    def end(self) -> None:
        self.metrics.running -= 1
        if not self.metrics.running:
            self._idle.set()

    async def answer(self, request: Request) -> Reply:
        """The reply to a request, with all of its headers."""
        trail = request.trail
        TRAIL.set(trail)
        endpoint = self._nowhere
        try:
            self._identify(request)
            found = self._router.find(request.path)
            if found is None:
                raise NotFound("There is nothing at this path.")
            node, request.parameters = found
            method = request.method
            known = node.endpoints.get("GET" if method == "HEAD" else method)
            if known is not None:
                endpoint = known
                reply = await endpoint.handle(request)
            else:
                reply = self._without_endpoint(request, node)
        except Problem as problem:
            reply = failed(problem, request, endpoint.name)
        except Exception as error:
            log.error("a request failed", operation=endpoint.name, request_id=request.request_id, exc_info=error)
            reply = reply_of(Problem("Something went wrong here. The log tells more under the request id."), request)
        self._finish(request, reply)
        trail.mark("encode")
        trail.method, trail.route, trail.status = request.method, endpoint.template, reply.status
        self.runtime.telemetry.end(trail)
        self._record(request, reply, endpoint)
        return reply

    def refuse(self, request: Request, problem: Problem) -> Reply:
        """The reply to what could not be read as a request at all."""
        request.request_id = request.trail.trace_id = new_trace_id()
        reply = failed(problem, request, self._nowhere.name)
        self._finish(request, reply)
        request.trail.mark("encode")
        request.trail.method, request.trail.status = request.method, reply.status
        self.runtime.telemetry.end(request.trail)
        self._record(request, reply, self._nowhere)
        return reply

    async def drain(self) -> None:
        """Say that this process is not ready any more, and wait for the requests that it is still answering."""
        self.draining = True
        self._idle.clear()
        if self.metrics.running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.runtime.floor.drain_timeout)

    def _identify(self, request: Request) -> None:
        """Name the request and its trace, and tell who sent it. Only a trusted proxy may name them otherwise."""
        request.request_id = request.trail.trace_id = new_trace_id()
        if len(request.path) + len(request.query) > MOST_ADDRESS:
            raise AddressTooLong(f"At most {MOST_ADDRESS} bytes of path and query.")
        request.read_headers(self._most_headers)
        if self._clients.identify(request).trusted:
            given = request.given_request_id
            if given is not None and _GIVEN_REQUEST_ID.match(given):
                request.request_id = given.decode()
            if request.traceparent is not None:
                request.trail.follow(request.traceparent.decode("latin-1"))

    def _without_endpoint(self, request: Request, node: Node) -> Reply:
        """For a method that nothing answers here: OPTIONS, by itself or as a browser's preflight, or a refusal."""
        allow = (b"allow", node.allow)
        if request.method != "OPTIONS":
            reply = reply_of(MethodNotAllowed(f"Allowed: {node.allow.decode()}."), request)
            reply.headers.append(allow)
            return reply
        reply = Reply(204, headers=[allow])
        if request.preflight_method is not None and request.origin is not None and self._cors.allows(request.origin):
            reply.headers += self._cors.preflight(node.allow)
        return reply

    def _finish(self, request: Request, reply: Reply) -> None:
        """Add the headers of every reply; compress the body, or leave it out where the caller has this version."""
        headers = reply.headers
        encoding = _encoding_of(request, reply)
        etag = reply.etag
        if etag is not None:
            tag = etag if encoding is None else f'{etag[:-1]}{COMPRESSED}"'
            headers.append((b"etag", tag.encode()))
            known = request.if_none_match
            if known is not None and reply.status == 200 and is_known(known.decode("latin-1"), etag):
                reply.status, reply.body, encoding = 304, b"", None
        if encoding is not None:
            reply.body = reply.gzipped or compress(reply.body)
            headers.append((b"content-encoding", encoding))
        if reply.status not in _WITHOUT_BODY:
            headers.append((b"content-type", reply.content_type))
            headers.append((b"content-length", b"%d" % len(reply.body)))
        headers.append((b"cache-control", reply.cache))
        headers.append((b"x-request-id", request.request_id.encode()))
        headers.append(_NO_SNIFFING)
        if reply.content_type is HTML:
            headers += _EVERY_PAGE
        if self._cors.open:
            headers.append((b"vary", b"origin"))
            if request.origin is not None and self._cors.allows(request.origin):
                headers += self._cors.headers(request.origin)
        if request.scheme == "https":
            headers.append(_OVER_TLS)

    def _record(self, request: Request, reply: Reply, endpoint: Endpoint) -> None:
        nanoseconds = request.trail.ended - request.trail.began
        self.metrics.count(endpoint, reply.status, nanoseconds / 1e9)
        if self._log_requests:
            log.info(
                "request",
                method=request.method,
                route=endpoint.template,
                status=reply.status,
                ms=round(nanoseconds / 1e6, 1),
                request_id=request.request_id,
                actor=str(request.actor_id) if request.actor_id else None,
            )


def _encoding_of(request: Request, reply: Reply) -> bytes | None:
    """The encoding that the body is to be sent in. What depends on the caller's headers says so in `Vary`."""
    if len(reply.body) < WORTH_IT or not reply.compressible:
        return None
    reply.headers.append((b"vary", b"accept-encoding"))
    accepted = request.accept_encoding
    return b"gzip" if accepted is not None and accepts_gzip(accepted) else None


async def _nothing_here(request: Request) -> Reply:
    raise NotFound("There is nothing at this path.")
