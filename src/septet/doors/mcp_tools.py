"""Operations as tools: which of them a caller is offered, and how one is called.

A call takes the pipeline's path, so scope, policies, limits, idempotency and transaction are those of every door.
Beyond the operation's scope, one that changes things wants the scope `agent:write`: an agent acts on text that it
reads, and what it reads may have been written by a stranger.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from msgspec import UNSET, Raw, Struct, UnsetType

from septet.core.context import Actor, Context
from septet.core.errors import Forbidden, Problem, TooMany, Unauthenticated
from septet.core.message import REPLAYED, Request
from septet.core.operation import Operation
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.core.versions import etag_of_bytes
from septet.doors.limits import limit_headers
from septet.doors.mcp_headers import Wire
from septet.doors.mcp_messages import (
    INVALID_PARAMS,
    CallParams,
    CallResult,
    Implementation,
    LimitStanding,
    Result,
    ResultMeta,
    RpcError,
    Text,
    encode,
)
from septet.doors.mcp_schemas import input_schema, output_schema
from septet.doors.openapi import without_raises
from septet.doors.problems import body_of, headers_of, status_of
from septet.doors.rest import failed
from septet.doors.schemas import Schema
from septet.doors.values import ValueBinder

WRITING = "agent:write"
TOOLS_A_PAGE = 200  # many clients never ask for a second page
KEPT_FOR = 60_000  # milliseconds that a client may remember a list
_MOST_CATALOGUES = 1000
_LONGEST_NAME = 128
_SERVER = Implementation()


class Annotations(Struct, rename="camel"):
    """Hints for whoever asks a person before a tool is used."""

    title: str
    read_only_hint: bool
    destructive_hint: bool
    idempotent_hint: bool
    open_world_hint: bool = False


class Description(Struct, rename="camel"):
    """A tool as clients are shown it."""

    name: str
    title: str
    description: str
    input_schema: Schema
    annotations: Annotations
    output_schema: Schema | UnsetType = UNSET


class ListToolsResult(Result):
    tools: list[Raw]
    next_cursor: str | UnsetType = UNSET


class Tool:
    """An operation that agents may be offered."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.scope = operation.declared.scope
        self.binder = ValueBinder(operation)
        schema = output_schema(operation)
        self.gives_object = schema is not None
        self.description = Raw(encode(_describe(operation, schema)))

    def is_for(self, actor: Actor) -> bool:
        """Whether a caller's token allows it at all."""
        allowed = self.scope is None or self.scope in actor.scopes
        return allowed and (not self.operation.writes or WRITING in actor.scopes)


class Catalogue:
    """The tools that callers with the same scopes are offered, encoded once: `pages` by cursor and revision."""

    def __init__(self, tools: Iterable[Tool], tools_a_page: int) -> None:
        self.tools = {tool.operation.name: tool for tool in tools}
        self.pages: dict[tuple[str | None, bool], Raw] = {}
        described = [tool.description for tool in self.tools.values()]
        cursor: str | None = None
        for start in range(0, max(len(described), 1), tools_a_page):
            end = start + tools_a_page
            following = f"after-{end}" if end < len(described) else UNSET
            for modern in (False, True):
                page = ListToolsResult(tools=described[start:end], next_cursor=following)
                self.pages[cursor, modern] = Raw(encode(dated(page, "private") if modern else page))
            cursor = following or None


class Exchange(Struct):
    """What the messages of one POST have in common.

    alone: there is just one, so HTTP can speak for it. holds_nul: a text in them may hold a NUL.
    """

    request: Request
    wire: Wire
    actor: Actor
    holds_nul: bool
    alone: bool = True


class Called(Struct):
    """How a call ended: its result, and what REST would say in headers."""

    result: CallResult
    headers: list[tuple[bytes, bytes]]


class Tools:
    def __init__(self, runtime: Runtime, pipeline: Pipeline, *, tools_a_page: int = TOOLS_A_PAGE) -> None:
        offered = (operation for operation in runtime.registry.operations.values() if operation.declared.agent)
        self._runtime = runtime
        self._pipeline = pipeline
        self._tools = [Tool(operation) for operation in sorted(offered, key=lambda each: each.name)]
        self._tools_a_page = tools_a_page
        self._catalogues: dict[frozenset[str], Catalogue] = {}

    def page(self, actor: Actor, cursor: str | None, *, modern: bool) -> Raw:
        """One page of the tools that the caller is offered. Raises RpcError for a cursor that no page gave."""
        page = self._catalogue_of(actor).pages.get((cursor, modern))
        if page is None:
            raise RpcError(INVALID_PARAMS, "This is no cursor of this list.")
        return page

    async def call(self, asked: Exchange, params: CallParams) -> Called:
        """Run one tool. A refusal is a result too, for the agent to read.

        Raises RpcError for a tool that is not offered, and Unauthenticated where HTTP can tell how to sign in: for a
        call that is alone in its request.
        """
        request, actor, modern = asked.request, asked.actor, asked.wire.modern
        ctx = Context(self._runtime, actor, request.client, request.request_id)
        tool = self._catalogue_of(actor).tools.get(params.name)
        try:
            if tool is None:
                raise _not_offered(params.name, ctx)
            value = await self._pipeline.call(
                ctx,
                tool.operation,
                functools.partial(tool.binder.bind_flat, params.arguments or {}, holds_nul=asked.holds_nul),
                params.meta.idempotency_key,
            )
        except Exception as error:
            if isinstance(error, RpcError) or (asked.alone and isinstance(error, Unauthenticated)):
                raise
            return _refused(error, ctx, request, params.name, modern=modern)
        return _given(value, ctx, tool, modern=modern)

    def _catalogue_of(self, actor: Actor) -> Catalogue:
        """By the scopes of the token. They differ by role, not by person, so there are few."""
        catalogue = self._catalogues.get(actor.scopes)
        if catalogue is None:
            if len(self._catalogues) >= _MOST_CATALOGUES:
                self._catalogues.clear()
            offered = (tool for tool in self._tools if tool.is_for(actor))
            catalogue = self._catalogues[actor.scopes] = Catalogue(offered, self._tools_a_page)
        return catalogue


def dated(result: Result, cache_scope: str) -> Result:
    """`result` as 2026-07-28 wants what may be remembered: with its type, who gave it, and how long it holds."""
    result.result_type = "complete"
    result.ttl_ms = KEPT_FOR
    result.cache_scope = cache_scope
    result.meta = ResultMeta(server_info=_SERVER)
    return result


def _not_offered(name: str, ctx: Context) -> Exception:
    """The same for a tool that there is and one that there is not: the list is what a caller may know of."""
    if not ctx.actor.known:
        return Unauthenticated("Only public tools are offered without an access token: Authorization: Bearer …")
    detail = f"No such tool is offered to this token. One that changes things wants the scope {WRITING}."
    problem = Forbidden(detail)
    told = body_of(problem, status_of(Forbidden), ctx.request_id)
    return RpcError(INVALID_PARAMS, f"Unknown tool: {name[:_LONGEST_NAME]}. {detail}", Raw(told))


def _given(value: object, ctx: Context, tool: Tool, *, modern: bool) -> Called:
    meta = _meta_of(ctx, modern=modern)
    if value is None:
        result = CallResult(content=[Text("Done.")], meta=meta)
    else:
        body = encode(value)
        if not tool.operation.writes:
            meta.etag = etag_of_bytes(body)
        result = CallResult(content=[Text(body.decode())], meta=meta)
        if tool.gives_object:
            result.structured_content = Raw(body)
    if modern:
        result.result_type = "complete"
    headers = limit_headers(ctx.standings)
    if ctx.replayed:
        headers.append(REPLAYED)
    return Called(result, headers)


def _refused(error: Exception, ctx: Context, request: Request, name: str, *, modern: bool) -> Called:
    """A refusal as REST would answer it, and in words. What the server did wrong is in the log."""
    problem = error if isinstance(error, Problem) else _unforeseen(error)
    meta = _meta_of(ctx, modern=modern)
    headers = limit_headers(ctx.standings)
    if isinstance(problem, TooMany):
        meta.retry_after = max(1, math.ceil(problem.retry_after))
        headers += headers_of(problem, token_given=True)
    told = Raw(failed(problem, request, name).body)
    result = CallResult(content=[Text(_in_words(problem))], structured_content=told, is_error=True, meta=meta)
    if modern:
        result.result_type = "complete"
    return Called(result, headers)


def _unforeseen(error: Exception) -> Problem:
    problem = Problem("Something went wrong here. The log tells more under the request id.")
    problem.__cause__ = error
    return problem


def _in_words(problem: Problem) -> str:
    """For those who read only the text, the places of faults included."""
    told = f"{problem.title()}: {problem.detail or problem.title() + '.'}"
    return "\n".join([told, *(f"{fault.pointer or '/'}: {fault.detail}" for fault in problem.faults)])


def _meta_of(ctx: Context, *, modern: bool) -> ResultMeta:
    limits = [
        LimitStanding(
            standing.limit.name,
            standing.limit.quota,
            math.ceil(standing.limit.window),
            standing.remaining,
            math.ceil(standing.reset),
        )
        for standing in ctx.standings
    ]
    return ResultMeta(server_info=_SERVER if modern else None, limits=limits or None, replayed=ctx.replayed)


def _describe(operation: Operation, output: Schema | None) -> Description:
    title = operation.name.replace("_", " ").capitalize()
    return Description(
        name=operation.name,
        title=title,
        description=without_raises(operation.doc),
        input_schema=input_schema(operation),
        annotations=Annotations(
            title=title,
            read_only_hint=not operation.writes,
            destructive_hint=operation.declared.method == "DELETE",
            idempotent_hint=operation.declared.method in {"GET", "PUT", "DELETE"},
        ),
        output_schema=UNSET if output is None else output,
    )
