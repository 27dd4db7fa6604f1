"""The Model Context Protocol at /mcp: operations as tools for agents, over stateless streamable HTTP.

One POST, one JSON reply. Nothing is kept between requests, so there are no sessions, no streams and no order in
which to call: any process answers any request. Refusals of HTTP's kind (no token that holds, a foreign origin, a body
too large) are problems as everywhere; what is wrong with a message is a JSON-RPC error; what an operation refuses is
a result that says so, for the agent to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from septet.core.body_deadline import BodyDeadline
from septet.core.doorway import protected_resource
from septet.core.errors import Unauthenticated
from septet.core.message import Reply, Request, Route
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.doors.bearer import actor_of
from septet.doors.faults import DEEPEST, is_deeper, may_be_deep, may_hold_nul
from septet.doors.mcp_headers import Wire, check_envelope, read_wire
from septet.doors.mcp_messages import (
    HANDSHAKE,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    VERSIONS,
    WITH_BATCHES,
    CallParams,
    ErrorObject,
    ErrorResponse,
    Id,
    Implementation,
    InitializeParams,
    ListParams,
    Message,
    Params,
    ReadParams,
    Response,
    Result,
    RpcError,
    encode,
    id_of,
    read_batch,
    read_message,
    read_params,
)
from septet.doors.mcp_resources import RESOURCES, TEMPLATES, ListResourcesResult, ListTemplatesResult, Resources
from septet.doors.mcp_tools import Exchange, Tools, dated
from septet.doors.openapi import OpenApi
from septet.doors.origins import Origins
from septet.doors.site import Site

MOST_IN_A_BATCH = 20
_CAPABILITIES: dict[str, dict[str, Any]] = {"tools": {}, "resources": {}}
_INSTRUCTIONS = (
    "Tools are this server's operations, with the caller's own rights; those that change things are offered to "
    "tokens with the scope agent:write. To retry a change safely, send the same call with the same "
    "septet/idempotency-key in params._meta. Lists come in pages: send next as cursor. "
    "The resource septet://guide tells more."
)


class InitializeResult(Result):
    protocol_version: str
    capabilities: dict[str, dict[str, Any]]
    server_info: Implementation
    instructions: str = ""


class DiscoverResult(Result):
    supported_versions: Sequence[str]
    capabilities: dict[str, dict[str, Any]]
    instructions: str = ""


class Answer(Struct):
    """What becomes of one message: the message that answers it, if any, and what goes with it over HTTP."""

    message: Response | ErrorResponse | None
    status: int = 200
    headers: list[tuple[bytes, bytes]] = []


class Mcp:
    def __init__(
        self, runtime: Runtime, pipeline: Pipeline, deadline: BodyDeadline, site: Site, openapi: OpenApi
    ) -> None:
        self._authentication = runtime.authentication
        self._origins = Origins(runtime.floor)
        self._most_body = runtime.floor.max_body
        self._deadline = deadline
        issues = any(system.authenticate for system in runtime.registry.systems)
        self._resource_metadata = protected_resource(runtime.floor.base_url, "/mcp") if issues else ""
        self._tools = Tools(runtime, pipeline)
        self._resources = Resources(runtime, site, openapi)

    def routes(self) -> Sequence[Route]:
        """Only POST: there are no streams to GET, and no sessions to DELETE."""
        return (Route("POST", "/mcp", self.post, "mcp"),)

    async def post(self, request: Request) -> Reply:
        """Raises Forbidden, UnsupportedMediaType, NotAcceptable, Unauthenticated, BodyTooLarge or BodyTimeout."""
        try:
            return await self._post(request)
        except Unauthenticated as problem:  # agents sign in by themselves, once they know where
            problem.resource_metadata = self._resource_metadata
            raise

    async def _post(self, request: Request) -> Reply:
        request.trail.door = "mcp"
        self._origins.check(request)
        wire = read_wire(request)
        actor = await actor_of(request, self._authentication)
        request.trail.mark("authenticate")
        body = await request.body(self._most_body, self._deadline)
        request.trail.mark("body")
        exchange = Exchange(request, wire, actor, may_hold_nul(body))
        try:
            _refuse_depth(body)
            if body.lstrip()[:1] == b"[":
                return await self._batch(exchange, body)
        except RpcError as error:
            return _reply(_error_answer(error, None, wire))
        return _reply(await self._answer(exchange, body))

    async def _batch(self, exchange: Exchange, body: bytes) -> Reply:
        """The revision 2025-03-26 has batches, the others do not. Their messages are answered one after another."""
        if exchange.wire.assumed != WITH_BATCHES:
            raise RpcError(INVALID_REQUEST, f"Only {WITH_BATCHES} has batches: send each message by itself.")
        messages = read_batch(body)
        if not 1 <= len(messages) <= MOST_IN_A_BATCH:
            raise RpcError(INVALID_REQUEST, f"A batch has 1 to {MOST_IN_A_BATCH} messages.")
        exchange.alone = False
        answers = [(await self._answer(exchange, raw)).message for raw in messages]
        told = [message for message in answers if message is not None]
        return Reply(200, encode(told)) if told else _reply(Answer(None))

    async def _answer(self, exchange: Exchange, raw: bytes | Raw) -> Answer:
        message_id: Id | None = None
        try:
            message = read_message(raw)
            if message.id is not UNSET:
                message_id = message.id
            if exchange.wire.unknown:
                raise exchange.wire.unsupported()
            if message.method is UNSET or message.id is UNSET:
                return _acknowledge(message, exchange.wire)
            result, headers = await self._result(exchange, message, message.method)
            return Answer(Response(message.id, result), headers=headers)
        except RpcError as error:
            return _error_answer(error, id_of(raw) if message_id is None else message_id, exchange.wire)

    async def _result(
        self, exchange: Exchange, message: Message, method: str
    ) -> tuple[Result | Raw, list[tuple[bytes, bytes]]]:
        """What the method gives, and headers that go with it. Raises RpcError."""
        wire = exchange.wire
        params = read_params(_PARAMS.get(method, _ANY_PARAMS), message.params)
        check_envelope(wire, method, params)
        if method == "tools/call":
            called = await self._tools.call(exchange, params)
            return called.result, called.headers
        if method == "tools/list":
            return self._tools.page(exchange.actor, params.cursor, modern=wire.modern), []
        if method == "resources/read":
            return _of_its_time(wire, await self._resources.read(exchange.request, params.uri, modern=wire.modern)), []
        simple = _handshake(method, params, exchange) if not wire.modern else _discover(method)
        if simple is None:
            simple = _lists(method)
        if simple is None:
            raise RpcError(METHOD_NOT_FOUND, "There is no such method here.")
        return _of_its_time(wire, simple), []


def _handshake(method: str, params: Any, exchange: Exchange) -> Result | None:
    """What only the earlier revisions have."""
    if method == "ping":
        return Result()
    if method != "initialize":
        return None
    if not exchange.alone:
        raise RpcError(INVALID_REQUEST, "The request initialize stands by itself.")
    asked = params.protocol_version
    agreed = asked if asked in HANDSHAKE else HANDSHAKE[0]
    return InitializeResult(
        protocol_version=agreed,
        capabilities=_CAPABILITIES,
        server_info=Implementation(),
        instructions=_INSTRUCTIONS,
    )


def _discover(method: str) -> Result | None:
    """What only 2026-07-28 has."""
    if method != "server/discover":
        return None
    return DiscoverResult(supported_versions=VERSIONS, capabilities=_CAPABILITIES, instructions=_INSTRUCTIONS)


def _lists(method: str) -> Result | None:
    """Lists that are the same for everybody, each of one page."""
    if method == "resources/list":
        return ListResourcesResult(resources=RESOURCES)
    if method == "resources/templates/list":
        return ListTemplatesResult(resource_templates=TEMPLATES)
    return None


def _of_its_time(wire: Wire, result: Result) -> Result:
    """`result` as the request's revision wants what everybody may remember."""
    return dated(result, "public") if wire.modern else result


def _acknowledge(message: Message, wire: Wire) -> Answer:
    """A notification asks for nothing, so there is nothing to do; nor with a response to what was never asked."""
    if message.method is UNSET and (wire.modern or not message.is_response):
        raise RpcError(INVALID_REQUEST, "This is neither a request nor a notification.")
    return Answer(None)


def _refuse_depth(body: bytes) -> None:
    """Raises RpcError for what lies deeper than any operation reads."""
    if not may_be_deep(body):
        return
    try:
        deep = is_deeper(msgspec.json.decode(body))
    except RecursionError:
        deep = True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # whoever reads it says what is wrong
    if deep:
        raise RpcError(INVALID_REQUEST, f"This is nested more than {DEEPEST} deep.")


def _error_answer(error: RpcError, message_id: Id | None, wire: Wire) -> Answer:
    told = ErrorObject(error.code, error.message, error.data)
    return Answer(ErrorResponse(message_id, told), error.status(modern=wire.modern))


def _reply(answer: Answer) -> Reply:
    if answer.message is None:
        return Reply(202)
    return Reply(answer.status, encode(answer.message), headers=answer.headers)


_ANY_PARAMS = msgspec.json.Decoder(Params)
_PARAMS: dict[str, msgspec.json.Decoder[Any]] = {
    "initialize": msgspec.json.Decoder(InitializeParams),
    "resources/list": msgspec.json.Decoder(ListParams),
    "resources/read": msgspec.json.Decoder(ReadParams),
    "resources/templates/list": msgspec.json.Decoder(ListParams),
    "tools/call": msgspec.json.Decoder(CallParams),
    "tools/list": msgspec.json.Decoder(ListParams),
}
