"""One call through each door, told in the same words: how it ended, what it showed or why not, what it cost.

Replies are brought into one form: ids, secrets and addresses become placeholders, names are camelCase as GraphQL has
them, a page is its items and whether more follows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)
from msgspec import Struct

from septet.app import Septet
from septet.cli.call import _options, perform, read_arguments
from septet.cli.callers import Who
from septet.core.operation import Operation
from septet.doors.graphql.names import camel
from septet.doors.graphql.schema import schema_of
from septet.doors.graphql.sources import FromRelation, source_of
from septet.doors.limits import limit_headers
from septet.doors.problems import body_of, status_of

_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")
_OPAQUE = re.compile(r"[A-Za-z0-9_.\-~+/=]{40,}|\b[A-Za-z2-7]{32}\b|(?<![\w-])[\w-]{22}(?![\w-])")
_OF_THE_DOOR = {"request_id", "trace_id", "address", "userAgent", "user_agent"}


class Ended(Struct, frozen=True):
    """How a call ended. `shown` is the reply or the problem's faults; `limits` is what was left of each."""

    code: str
    shown: Any
    limits: str


class Door:
    """A way into one running Septet. `token` None asks as nobody."""

    name = ""

    def __init__(self, septet: Septet, client: httpx.AsyncClient) -> None:
        self.septet = septet
        self.client = client

    def offers(self, operation: Operation, token: str | None) -> bool:
        return True

    async def call(self, operation: Operation, values: Mapping[str, Any], token: str | None) -> Ended:
        """`values` by argument, the body's under `body`."""
        raise NotImplementedError


class Rest(Door):
    name = "REST"

    async def call(self, operation: Operation, values: Mapping[str, Any], token: str | None) -> Ended:
        path = operation.declared.path
        query, headers = {}, _bearer(token)
        for argument in operation.arguments:
            value = values.get(argument.name)
            if value is None or argument.where == "body":
                continue
            if argument.where == "path":
                path = path.replace(f"{{{argument.name}}}", quote(str(value), safe=""))
            elif argument.where == "query":
                query[argument.key] = value
            else:
                headers[argument.key] = value
        body = {"json": values["body"]} if "body" in values else {}
        reply = await self.client.request(operation.declared.method, path, params=query, headers=headers, **body)
        limits = reply.headers.get("ratelimit", "")
        if reply.status_code >= 400:
            return _refused(reply.json(), limits)
        return Ended("ok", _alike(reply.json() if reply.content else None), limits)


class GraphQL(Door):
    name = "GraphQL"

    async def call(self, operation: Operation, values: Mapping[str, Any], token: str | None) -> Ended:
        kind = "mutation" if operation.writes else "query"
        schema = schema_of(self.septet.runtime)
        root = schema.mutation_type if operation.writes else schema.query_type
        assert root is not None
        field = root.fields[camel(operation.name)]
        given = {_argument(name, field): value for name, value in values.items()}
        variables = ", ".join(f"${name}: {field.args[name].type}" for name in given)
        passed = ", ".join(f"{name}: ${name}" for name in given)
        document = f"{kind}{f'({variables})' if given else ''} {{ it: {camel(operation.name)}"
        document += f"{f'({passed})' if given else ''} {_selection(field)} }}"
        sent = {"query": document, "variables": {name: _camel_keys(value) for name, value in given.items()}}
        reply = await self.client.post("/graphql", json=sent, headers=_bearer(token))
        limits = reply.headers.get("ratelimit", "")
        answer = reply.json()
        if "data" not in answer and "errors" not in answer:
            return _refused(answer, limits)  # the token did not hold, which HTTP tells
        if answer.get("errors"):
            (error,) = answer["errors"]
            assert answer.get("data") in (None, {"it": None}), answer
            return _refused(error["extensions"], limits)
        return Ended("ok", _alike(answer["data"]["it"]), limits)


class Mcp(Door):
    name = "MCP"

    def offers(self, operation: Operation, token: str | None) -> bool:
        return operation.declared.agent

    async def call(self, operation: Operation, values: Mapping[str, Any], token: str | None) -> Ended:
        flat = {name: value for name, value in values.items() if name != "body"} | dict(values.get("body", {}))
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        message["params"] = {"name": operation.name, "arguments": flat}
        headers = {"accept": "application/json, text/event-stream", **_bearer(token)}
        reply = await self.client.post("/mcp", json=message, headers=headers)
        limits = reply.headers.get("ratelimit", "")
        answer = reply.json()
        if "code" in answer:
            return _refused(answer, limits)
        if "error" in answer:
            return _refused(answer["error"]["data"], limits)
        result = answer["result"]
        if result.get("isError"):
            return _refused(result["structuredContent"], limits)
        text = result["content"][0]["text"]
        return Ended("ok", _alike(None if text == "Done." else msgspec.json.decode(text)), limits)


class CommandLine(Door):
    name = "command line"

    async def call(self, operation: Operation, values: Mapping[str, Any], token: str | None) -> Ended:
        flat = {name: value for name, value in values.items() if name != "body"} | dict(values.get("body", {}))
        words = ["--json", msgspec.json.encode(flat).decode()] if flat else []
        nothing = {name: None for option in _options() if (name := option.name)}
        given, _ = read_arguments(operation, words, nothing, operation.name, _options())
        who = Who(token=token) if token else Who(anonymous=True)
        outcome = await perform(self.septet, operation, given, who)
        limits = dict(limit_headers(outcome.standings)).get(b"ratelimit", b"").decode()
        if outcome.problem is not None:
            problem = outcome.problem
            return _refused(msgspec.json.decode(body_of(problem, status_of(type(problem)), "")), limits)
        return Ended("ok", _alike(msgspec.to_builtins(outcome.value)), limits)


DOORS = (Rest, GraphQL, Mcp, CommandLine)


def _bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _refused(problem: Mapping[str, Any], limits: str) -> Ended:
    faults = sorted((fault["pointer"], fault["detail"]) for fault in problem.get("errors", ()))
    return Ended(problem["code"], [_plain(problem["detail"]), faults], limits)


def _argument(name: str, field: GraphQLField) -> str:
    """How GraphQL calls an argument."""
    if name == "body":
        return "input"
    alike = {"limit": "first", "cursor": "after"} if "first" in field.args else {}
    return alike.get(name, camel(name))


def _selection(field: GraphQLField, depth: int = 0) -> str:
    """All that a field shows without following relations."""
    kind = get_named_type(field.type)
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLUnionType):
        members = " ".join(f"... on {member.name} {_fields(member, depth)}" for member in kind.types)
        return f"{{ {members} }}"
    assert isinstance(kind, GraphQLObjectType)
    if kind.name.endswith("Connection"):
        return f"{{ nodes {_selection(kind.fields['nodes'], depth + 1)} pageInfo {{ hasNextPage hasPreviousPage }} }}"
    return _fields(kind, depth)


def _fields(kind: GraphQLObjectType, depth: int) -> str:
    shown = []
    for name, field in kind.fields.items():
        if not isinstance(source_of(field), FromRelation) and depth < 6:
            shown.append(f"{name} {_selection(field, depth + 1)}")
    return f"{{ {' '.join(shown)} }}"


def _camel_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {camel(key): _camel_keys(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_camel_keys(each) for each in value]
    return value


def _alike(value: Any) -> Any:
    """The same for the same reply, whichever door it left by."""
    if isinstance(value, dict):
        if "nodes" in value and "pageInfo" in value:
            info = value["pageInfo"]
            return {"items": _alike(value["nodes"]), "next": info["hasNextPage"], "previous": info["hasPreviousPage"]}
        if {"items", "next", "previous"} <= value.keys():
            page = {name: value[name] is not None for name in ("next", "previous")}
            return {"items": _alike(value["items"]), **page}
        shown = {camel(str(key)): _alike(each) for key, each in value.items()}
        return {key: each for key, each in shown.items() if each is not None and key not in _OF_THE_DOOR}
    if isinstance(value, list):
        return [_alike(each) for each in value]
    return _plain(value)


@functools.singledispatch
def _plain(value: Any) -> Any:
    return None if value is True else value  # GraphQL says true where the others say nothing


@_plain.register
def _(value: str) -> str:
    return _OPAQUE.sub("<opaque>", _UUID.sub("<id>", value)).lower()
