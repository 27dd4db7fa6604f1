"""Operations over HTTP: binds a request, lets the pipeline run the operation, writes its value as JSON."""

from __future__ import annotations

import functools
import logging
import re
import typing
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from msgspec import Struct

from septet.core.body_deadline import BodyDeadline
from septet.core.context import ANONYMOUS, Actor, Context
from septet.core.errors import Forbidden, Problem, Unauthenticated, Unavailable
from septet.core.message import REPLAYED, Reply, Request
from septet.core.operation import Operation
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.core.types import Page
from septet.core.versions import etag_of_bytes
from septet.doors.bearer import Callers
from septet.doors.binding import Binder
from septet.doors.expansion import SHAPING, Asked, Expansions
from septet.doors.limits import limit_headers
from septet.doors.problems import PROBLEM_JSON, body_of, headers_of, status_of

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode
_FAILED = 500  # statuses from here on are the server's fault


class OperationHandler:
    """Answers the requests of one operation."""

    def __init__(
        self,
        runtime: Runtime,
        pipeline: Pipeline,
        operation: Operation,
        deadline: BodyDeadline,
        callers: Callers,
        *,
        locates: bool,
    ) -> None:
        """`locates`: what the operation makes can be read at its path with the id behind it."""
        self._runtime = runtime
        self._pipeline = pipeline
        self._callers = callers
        self._operation = operation
        self._expansions = Expansions(runtime.registry, operation)
        self._binder = Binder(operation, beside=SHAPING if self._expansions.offered else ())
        self._status = operation.declared.status
        self._status_of = operation.declared.status_of
        self._reads = not operation.writes
        self._locates = locates and self._status == 201
        self._pages = (typing.get_origin(operation.returns) or operation.returns) is Page
        self._compressible = not operation.declared.secret
        self._most_body = runtime.floor.max_body if self._binder.takes_body else 0
        self._deadline = deadline

    async def __call__(self, request: Request) -> Reply:
        trail = request.trail
        trail.door, trail.operation = "rest", self._operation.name
        ctx = Context(self._runtime, ANONYMOUS, request.client, request.request_id)
        try:
            ctx.actor = await self._actor_of(request)
            trail.mark("authenticate")
            body = await self._body_of(request, ctx)
            key = request.idempotency_key
            asked = self._expansions.asked(request) if request.query else None
            value = await self._pipeline.call(
                ctx,
                self._operation,
                functools.partial(self._bind, request, ctx, body, asked),
                key.decode("latin-1") if key is not None else None,
                functools.partial(asked.show, ctx) if asked is not None else None,
            )
        except Problem as problem:
            return self._refusal(request, ctx, problem)
        return self._reply(request, ctx, value, value if asked is None else asked.shown)

    def _bind(self, request: Request, ctx: Context, body: bytes, asked: Asked | None) -> Struct:
        if asked is not None:
            asked.read(ctx)
        return self._binder.bind(request, body)

    async def _actor_of(self, request: Request) -> Actor:
        """Signing in and refreshing are open to a client that still sends its expired token along."""
        try:
            return await self._callers.actor_of(request)
        except Unauthenticated:
            if self._operation.public and not self._reads:
                return ANONYMOUS
            raise

    async def _body_of(self, request: Request, ctx: Context) -> bytes:
        """The body, read only for a caller who may call at all."""
        if self._binder.takes_body:
            ctx.require_scope(self._operation.declared.scope)
            self._binder.check_media_type(request)
        elif not request.announces_body:
            return b""
        body = await request.body(self._most_body, self._deadline)
        request.trail.mark("body")
        return body

    def _reply(self, request: Request, ctx: Context, value: Any, shown: Any) -> Reply:
        headers = limit_headers(ctx.standings)
        if ctx.replayed:
            headers.append(REPLAYED)
        if self._status == 204:
            return Reply(204, headers=headers)
        body = _encode(shown)
        if self._reads:
            if self._pages:
                headers += _links(request, value)
            etag = etag_of_bytes(body)
            return Reply(self._status, body, headers=headers, etag=etag, compressible=self._compressible)
        if self._locates and (made := getattr(value, "id", None)) is not None:
            headers.append((b"location", request.path + b"/" + quote(str(made), safe="").encode()))
        return Reply(self._status_of(value), body, headers=headers, compressible=self._compressible)

    def _refusal(self, request: Request, ctx: Context, problem: Problem) -> Reply:
        reply = failed(problem, request, self._operation.name)
        reply.headers += limit_headers(ctx.standings)
        scope = self._operation.declared.scope
        if isinstance(problem, Forbidden) and scope is not None and scope not in ctx.actor.scopes:
            challenge = f'Bearer realm="septet", error="insufficient_scope", scope="{scope}"'
            reply.headers.append((b"www-authenticate", challenge.encode()))
        return reply


def reply_of(problem: Problem, request: Request) -> Reply:
    """The reply that tells of a problem."""
    status = status_of(type(problem))
    trail = request.trail
    trail.problem, trail.failed = problem.code, status >= _FAILED
    trace_id = "" if trail.trace_id == request.request_id else trail.trace_id
    return Reply(
        status,
        body_of(problem, status, request.request_id, trace_id),
        PROBLEM_JSON,
        headers=headers_of(problem, token_given=request.authorization is not None),
    )


def failed(problem: Problem, request: Request, operation: str) -> Reply:
    """The same, and a line in the log where the fault is the server's; with its trace, unless it was foreseen."""
    reply = reply_of(problem, request)
    if reply.status >= _FAILED:
        foreseen = isinstance(problem, Unavailable) and problem.__cause__ is None
        log.log(
            logging.WARNING if foreseen else logging.ERROR,
            "a request failed",
            operation=operation,
            request_id=request.request_id,
            **({"detail": problem.detail} if foreseen else {"exc_info": problem}),
        )
    return reply


def _links(request: Request, page: Page[Any]) -> list[tuple[bytes, bytes]]:
    """`Link` to the pages beside this one (RFC 8288): the same query with another cursor."""
    kept = [pair for pair in request.query.split(b"&") if pair and pair.partition(b"=")[0] != b"cursor"]
    links = []
    for name, cursor in (("next", page.next), ("prev", page.previous)):
        if cursor is not None:
            query = b"&".join([*kept, b"cursor=" + quote(cursor, safe="").encode()])
            links.append(b"<" + request.path + b"?" + query + b'>; rel="' + name.encode() + b'"')
    return [(b"link", b", ".join(links))] if links else []


def located_paths(operations: typing.Iterable[Operation]) -> frozenset[str]:
    """Paths whose members can be read one by one, at `<path>/{id}`."""
    member = re.compile(r"(.+)/{\w+}\Z")
    found = (member.match(o.declared.path) for o in operations if o.declared.method == "GET")
    return frozenset(match[1] for match in found if match)
