"""GraphQL over HTTP (the GraphQL-over-HTTP specification): POST for everything, GET for queries, a page for people.

A request that never was GraphQL's (a wrong token, method, media type, size) is refused as over REST. Any other gets
GraphQL's own shape: `data`, and `errors` with our problems in their `extensions`. With `application/json` its status
is 200; with `application/graphql-response+json` it is 400 if nothing of it was run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from septet.core.body_deadline import BodyDeadline
from septet.core.context import ANONYMOUS, Actor, Context
from septet.core.errors import Malformed, Problem, Unauthenticated
from septet.core.http_problems import MethodNotAllowed
from septet.core.limits import Limit, Standing
from septet.core.message import JSON, REPLAYED, Handler, Reply, Request, Route
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.doors.bearer import Callers
from septet.doors.graphql.negotiation import GRAPHQL_JSON, check_media_type, reply_type, wants_page
from septet.doors.graphql.problems import Refused, entry_of
from septet.doors.graphql.requests import GraphQLRequest, read_body, read_query
from septet.doors.limits import limit_headers
from septet.doors.rest import failed

if TYPE_CHECKING:
    from septet.doors.graphql.service import Answer, Prepared, Service

_encode = msgspec.json.Encoder().encode
_BY_ACCEPT = (b"vary", b"accept")


class GraphQLDoor:
    """Answers at /graphql. graphql-core is loaded, and the schema built, by the first request that needs them."""

    def __init__(
        self, runtime: Runtime, pipeline: Pipeline, deadline: BodyDeadline, page: Handler, callers: Callers
    ) -> None:
        """`page` is what a browser is shown."""
        self._runtime = runtime
        self._pipeline = pipeline
        self._deadline = deadline
        self._page = page
        self._callers = callers
        self._service: Service | None = None
        self._loading = asyncio.Lock()

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/graphql", self.get, "graphql"), Route("POST", "/graphql", self.post, "graphql"))

    async def get(self, request: Request) -> Reply:
        """A query in the address; or the explorer, for a browser."""
        if wants_page(request.header(b"accept")):
            reply = await self._page(request)
            reply.headers.append(_BY_ACCEPT)
            return reply
        actor = await self._callers.actor_of(request)
        try:
            asked = read_query(request.query)
        except Malformed as problem:
            return _malformed(problem, request)
        call = await self._call(request, actor)
        (prepared,) = call.prepare([asked])
        if not isinstance(prepared, Refused) and prepared.changes:
            reply = failed(MethodNotAllowed("A mutation is sent by POST."), request, "graphql")
            reply.headers.append((b"allow", b"POST"))
            return reply
        return _reply(request, await call.run(prepared, None), [prepared])

    async def post(self, request: Request) -> Reply:
        """A query or mutation, or a batch of them."""
        who: Actor | Unauthenticated
        try:
            who = await self._callers.actor_of(request)
        except Unauthenticated as problem:
            who = problem
        request.trail.mark("authenticate")
        check_media_type(request)
        body = await request.body(self._runtime.floor.max_body, self._deadline)
        request.trail.mark("body")
        try:
            asked = self._bounded(read_body(body))
        except Malformed as problem:
            return _malformed(problem, request)
        call = await self._call(request, ANONYMOUS if isinstance(who, Problem) else who)
        batch = asked if isinstance(asked, list) else [asked]
        prepared = call.prepare(batch)
        if isinstance(who, Problem) and not all(_open_to_all(each) for each in prepared):
            raise who
        key = request.idempotency_key
        key_text = key.decode("latin-1") if key is not None else None
        if isinstance(asked, GraphQLRequest):
            return _reply(request, await call.run(prepared[0], key_text), prepared)
        answers = []
        for index, ready in enumerate(prepared):
            answers.append(await call.run_in_batch(ready, None if key is None else f"{key_text}#{index}"))
        return _reply(request, answers, prepared)

    def _bounded(self, asked: GraphQLRequest | list[GraphQLRequest]) -> GraphQLRequest | list[GraphQLRequest]:
        most = self._runtime.floor.graphql_batch
        if isinstance(asked, list) and not 0 < len(asked) <= most:
            raise Malformed(f"A batch has 1 to {most} requests." if most > 1 else "Send one request: no batches here.")
        return asked

    async def _call(self, request: Request, actor: Actor) -> _Call:
        request.trail.door = "graphql"
        if self._service is None:
            async with self._loading:
                if self._service is None:
                    self._service = await asyncio.to_thread(self._load)  # some 0.2 s, in which others are answered
        return _Call(self._runtime, self._service, request, actor)

    def _load(self) -> Service:
        from septet.doors.graphql.service import Service

        return Service(self._runtime, self._pipeline)


class _Call:
    """One HTTP request: who asks, and how much is asked for so far."""

    def __init__(self, runtime: Runtime, service: Service, request: Request, actor: Actor) -> None:
        self._runtime = runtime
        self._service = service
        self._request = request
        self._actor = actor

    def context(self) -> Context:
        return Context(self._runtime, self._actor, self._request.client, self._request.request_id)

    def prepare(self, batch: Iterable[GraphQLRequest]) -> list[Prepared | Refused]:
        """What can run, and why the rest cannot. Raises TooMany."""
        budget, ctx = self._service.budget(), self.context()
        return [self._service.prepare(each, budget, ctx) for each in batch]

    async def run(self, prepared: Prepared | Refused, key: str | None) -> Answer:
        """Raises Unavailable, and what is nobody's problem but a bug: then nothing can be said of the rest either."""
        if isinstance(prepared, Refused):
            return self._service.refusal(prepared, self._request.request_id)
        return await self._service.run(prepared, self._request.request_id, self.context, key)

    async def run_in_batch(self, prepared: Prepared | Refused, key: str | None) -> Answer:
        """The same, with every failure in its place: what was done before it is done."""
        try:
            return await self.run(prepared, key)
        except Problem as problem:
            return self._service.failure(problem, self._request.request_id)
        except Exception as error:
            bug = Problem()
            bug.__cause__ = error
            return self._service.failure(bug, self._request.request_id)


def _open_to_all(prepared: Prepared | Refused) -> bool:
    """Signing in and refreshing are open to a client that still sends its expired token along."""
    return not isinstance(prepared, Refused) and prepared.open_to_all


def _malformed(problem: Malformed, request: Request) -> Reply:
    body = _encode({"errors": [entry_of(problem, request.request_id)]})
    return Reply(400, body, reply_type(request.header(b"accept")))


def _reply(request: Request, answered: Answer | list[Answer], prepared: Sequence[Prepared | Refused]) -> Reply:
    """One answer in the media type that the client likes; those of a batch in plain JSON, which has no status."""
    status, content_type = 200, JSON
    if isinstance(answered, list):
        answers, shown = answered, _encode([answer.shown() for answer in answered])
    else:
        answers, shown = [answered], _encode(answered.shown())
        content_type = reply_type(request.header(b"accept"))
        if content_type is GRAPHQL_JSON and answered.data is None:
            status = 400
    headers = limit_headers(tightest(standing for answer in answers for standing in answer.standings))
    if all(answer.replayed for answer in answers):
        headers.append(REPLAYED)
    secret = any(not isinstance(each, Refused) and each.secret for each in prepared)
    return Reply(status, shown, content_type, headers=headers, compressible=not secret)


def tightest(standings: Iterable[Standing]) -> list[Standing]:
    """Of each limit, where the caller stands worst."""
    found: dict[Limit, Standing] = {}
    for standing in standings:
        known = found.setdefault(standing.limit, standing)
        if standing.remaining < known.remaining:
            found[standing.limit] = standing
    return list(found.values())
