"""The oracle: graphql-core's own executor over the same schema, with a resolver at each field.

It shares with Septet's execution where a field's value comes from and how arguments are bound, and nothing of how
documents are planned and carried out: fields are merged, conditions decided, lists walked and errors placed by
graphql-core. Relations are loaded in batches, one for each relation and arguments, whenever the executor pauses.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    execute,
)
from msgspec import UNSET

from septet.app import Septet
from septet.core.context import Context
from septet.core.errors import Invalid, Problem
from septet.core.paging import before
from septet.core.relation import Relation
from septet.doors.graphql.schema import build_schema
from septet.doors.graphql.sources import FromOperation, FromOwner, FromRelation, FromType, source_of, struct_of
from septet.doors.values import ValueBinder, bind_relation

Outcome = tuple[bytes, Counter[tuple[tuple[str | int, ...], str]]]


class Oracle:
    """Executes documents as graphql-core does."""

    def __init__(self, septet: Septet, contexts: Callable[[], Context]) -> None:
        self._septet = septet
        self._contexts = contexts
        self.schema = build_schema(septet.runtime.registry)
        _resolve_all(self.schema)

    async def execute(self, document: DocumentNode, variables: dict[str, Any], *, changes: bool) -> Outcome:
        """The encoded data, and how often each code stands at each path."""
        call = _Call(self._septet, self._contexts, changes)
        if changes:
            result = await self._run(document, variables, call)
        else:
            work = lambda: self._run(document, variables, call)
            result = await self._septet.runtime.read(call.ctx, work, snapshot=True)
        failures = Counter((tuple(error.path or ()), _code(error)) for error in result.errors or ())
        return msgspec.json.encode(result.data), failures

    async def _run(self, document: DocumentNode, variables: dict[str, Any], call: _Call) -> Any:
        result = execute(self.schema, document, variable_values=variables, context_value=call)
        return await result if asyncio.iscoroutine(result) else result


class _Call:
    """What resolvers share in one execution. The queries of a transaction run one at a time."""

    def __init__(self, septet: Septet, contexts: Callable[[], Context], changes: bool) -> None:
        self.septet = septet
        self.contexts = contexts
        self.changes = changes
        self.ctx = contexts()
        self.turn = asyncio.Lock()
        self.loaders: dict[Any, _Loader] = {}

    async def load(self, relation: Relation, values: dict[str, Any], key: Any) -> Any:
        self.ctx.require_scope(relation.scope)
        arguments = bind_relation(relation, values)
        loader = self.loaders.setdefault(
            (relation.owner, relation.name, msgspec.json.encode(arguments)), _Loader(self, relation, arguments)
        )
        return await loader.load(key)

    async def follow(self, relation: Relation, keys: list[Any], arguments: Any) -> Any:
        work = lambda: relation.call(self.ctx, keys, arguments)
        async with self.turn:
            return await self.septet.runtime.read(self.ctx, work) if self.changes else await work()


class _Loader:
    """Gathers keys until the executor has nothing else to do, then asks for all of them at once."""

    def __init__(self, call: _Call, relation: Relation, arguments: Any) -> None:
        self._call = call
        self._relation = relation
        self._arguments = arguments
        self._waiting: dict[Any, asyncio.Future[Any]] = {}

    async def load(self, key: Any) -> Any:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._dispatch)
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        return await self._waiting[key]

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._task = asyncio.create_task(self._ask(waiting))

    async def _ask(self, waiting: dict[Any, asyncio.Future[Any]]) -> None:
        try:
            found = await self._call.follow(self._relation, list(waiting), self._arguments)
        except Exception as error:
            for future in waiting.values():
                future.set_exception(error)
        else:
            for key, future in waiting.items():
                future.set_result(found.get(key, [] if self._relation.many else None))


def _code(error: GraphQLError) -> str:
    """The code of a problem, or what Septet calls a refused variable, or a bug."""
    cause = error.original_error
    if isinstance(cause, Problem):
        return cause.code
    return "invalid" if cause is None or isinstance(cause, GraphQLError) else "internal"


def _resolve_all(schema: GraphQLSchema) -> None:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLUnionType):
            names = {struct_of(member): member.name for member in kind.types}
            kind.resolve_type = lambda value, *_, names=names: names[type(value)]  # type: ignore[misc]
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for field in kind.fields.values():
                field.resolve = _resolver(source_of(field))


def _resolver(source: Any) -> Callable[..., Any]:
    match source:
        case FromType(value):
            return lambda *_: value
        case FromOwner(get):
            return lambda owner, _: _none_for_unset(getattr(owner, get) if isinstance(get, str) else get(owner))
        case FromRelation():
            return _relation_resolver(source)
        case FromOperation():
            return _operation_resolver(source)
    raise TypeError(source)


def _relation_resolver(source: FromRelation) -> Callable[..., Any]:
    relation = source.relation

    async def resolve(owner: Any, info: Any, **values: Any) -> Any:
        key = _none_for_unset(getattr(owner, relation.by))
        if key is None:
            return [] if relation.many else None
        return await info.context.load(relation, _settled(source, values), key)

    return resolve


def _operation_resolver(source: FromOperation) -> Callable[..., Any]:
    operation = source.operation
    bind = ValueBinder(operation).bind

    async def resolve(_: Any, info: Any, **values: Any) -> Any:
        call: _Call = info.context
        pipeline = call.septet.pipeline
        if call.changes:
            value = await pipeline.call(call.contexts(), operation, lambda: bind(_settled(source, values)))
            return True if operation.returns is type(None) else value
        ctx = call.contexts() if operation.declared.steps else call.ctx
        pipeline.admit(ctx, operation)
        arguments = bind(_settled(source, values))
        async with call.turn:
            return await pipeline.read_within(ctx, operation, arguments)

    return resolve


def _settled(source: FromOperation | FromRelation, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a page under the names that the list knows; every list is counted that can be."""
    if not source.paged:
        return given
    values = {name: value for name, value in given.items() if name not in {"first", "after", "last", "before"}}
    first, after, last, preceding = (given.get(name) for name in ("first", "after", "last", "before"))
    if (last, preceding) == (None, None):
        limit, cursor = first, after
    elif (first, after) == (None, None) and preceding is not None:
        limit, cursor = last, before(preceding)
    else:
        raise Invalid("Both ways at once, or from the end.")
    values |= {} if limit is None else {"limit": limit}
    values |= {} if cursor is None else {"cursor": cursor}
    return values | ({"count": True} if source.counts else {})


def _none_for_unset(value: Any) -> Any:
    return None if value is UNSET else value
