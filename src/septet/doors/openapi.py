"""The OpenAPI 3.1 document of all operations, made from their declarations and served at /openapi.json."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from septet import __version__
from septet.core.arguments import Argument
from septet.core.limits import Limit
from septet.core.message import Reply, Request, Route
from septet.core.operation import Operation
from septet.core.relation import Relation
from septet.core.runtime import Runtime
from septet.core.types import Page
from septet.core.versions import etag_of_bytes
from septet.doors.compression import compress
from septet.doors.expansion import FIELDS, shaping_parameters
from septet.doors.openapi_replies import FAULT, HEADERS, PROBLEM, replies_of
from septet.doors.rest import located_paths
from septet.doors.schemas import Schema, Use, schemas_of

_RAISES = re.compile(r"\bRaises [^.]*\.")
_DIALECT = "https://spec.openapis.org/oas/3.1/dialect/base"
_ABOUT = """Every operation of this server.

Errors are [problem details](https://www.rfc-editor.org/rfc/rfc9457), each with a `code` and a page that explains it
under `/errors/`. Lists come in pages: follow the `Link` header, or send `next` as `cursor`. Times are RFC 3339 in UTC,
identifiers UUIDs. Of a key that a JSON object holds twice, the last counts."""

_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own, new for each change. Sent again with the same request, the change is not "
    "made twice: the first reply is sent again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}
_IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an earlier reply: if it still holds, the answer is 304 without a body.",
    "schema": {"type": "string"},
}


class OpenApi:
    """Makes the document when it is first asked for, and keeps it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._made: tuple[bytes, str, bytes] | None = None

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/openapi.json", self.serve, "openapi"),)

    async def serve(self, request: Request) -> Reply:
        if self._made is None:
            body = msgspec.json.encode(document(self._runtime))
            self._made = body, etag_of_bytes(body), compress(body)
        body, etag, gzipped = self._made
        return Reply(200, body, etag=etag, cache=b"no-cache", gzipped=gzipped)


def document(runtime: Runtime) -> dict[str, Any]:
    """The document as plain values."""
    registry = runtime.registry
    operations = sorted(registry.operations.values(), key=lambda operation: operation.declared.path)
    relations = [each for named in registry.relations.values() for each in named.values() if not each.needs_arguments]
    uses = [use for operation in operations for use in _uses_of(operation)]
    schemas, components = schemas_of([*uses, *(Use(relation.returns, "out") for relation in relations)])
    _add_relations(components, relations, schemas[len(uses) :])
    located = located_paths(operations)
    paths: dict[str, dict[str, Any]] = {}
    following = iter(schemas)
    for operation in operations:
        described = _operation(runtime, operation, following, located=operation.declared.path in located)
        paths.setdefault(operation.declared.path, {})[operation.declared.method.lower()] = described
    used = {operation.system for operation in operations}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": _DIALECT,
        "info": {"title": "Septet", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": card.name, "description": card.summary} for card in registry.systems if card.name in used],
        "paths": paths,
        "components": {
            "schemas": {**components, "Fault": FAULT, "Problem": PROBLEM},
            "headers": HEADERS,
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY, "IfNoneMatch": _IF_NONE_MATCH, "Fields": FIELDS},
            "securitySchemes": {"bearer": _bearer(runtime)},
        },
    }


def _add_relations(components: dict[str, Schema], relations: Sequence[Relation], schemas: Sequence[Schema]) -> None:
    """What `expand` adds to a type: never required, and null where there is none."""
    for relation, schema in zip(relations, schemas, strict=True):
        owner = components.get(relation.owner.__name__)
        if owner is not None:
            told = f"{relation.doc.partition(chr(10))[0]} Only with `expand`.".strip()
            shown = schema if relation.many else {"anyOf": [schema, {"type": "null"}]}
            owner["properties"][relation.name] = {**shown, "description": told}


def _uses_of(operation: Operation) -> Iterator[Use]:
    for argument in operation.arguments:
        yield Use(argument.type, "in")
    for kind in _returned(operation).values():
        yield Use(kind, "out")


def _returned(operation: Operation) -> dict[int, Any]:
    """What comes back with each status: all that the operation returns, but for the types that have their own."""
    declared = operation.declared
    if not declared.statuses:
        return {declared.status: operation.returns}
    members: dict[int, list[Any]] = {}
    for member in typing.get_args(operation.returns):
        members.setdefault(declared.statuses.get(member, declared.status), []).append(member)
    return {status: typing.Union[tuple(members[status])] for status in sorted(members)}  # noqa: UP007 - made at run time


def _bearer(runtime: Runtime) -> Schema:
    scopes = "\n".join(f"- `{name}`: {scope.description}" for name, scope in sorted(runtime.registry.scopes.items()))
    return {
        "type": "http",
        "scheme": "bearer",
        "description": f"An access token, as signing in gives it. What it may do, by its scopes:\n\n{scopes}",
    }


def _operation(runtime: Runtime, operation: Operation, schemas: Iterator[Schema], *, located: bool) -> dict[str, Any]:
    """One operation; takes the schemas of its arguments and its reply from `schemas`."""
    parameters: list[dict[str, Any]] = []
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": without_raises(operation.doc.partition("\n")[0]),
        "description": _description(runtime, operation),
        "tags": [operation.system],
        "security": _security(operation),
        "parameters": parameters,
    }
    for argument in operation.arguments:
        schema = next(schemas)
        if argument.where == "body":
            described["requestBody"] = _request_body(operation, argument, schema)
        else:
            parameters.append(_parameter(argument, schema))
    if operation.takes_idempotency_key:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if not operation.writes:
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
    parameters += shaping_parameters(runtime.registry, operation)
    pages = (typing.get_origin(operation.returns) or operation.returns) is Page
    returned = {status: next(schemas) for status in _returned(operation)}
    described["responses"] = replies_of(operation, returned, located=located, pages=pages)
    described["x-limits"] = [
        {"name": limit.name, "quota": limit.quota, "window": limit.window, "by": limit.by}
        for limit in _limits_of(runtime, operation)
    ]
    return described


def _description(runtime: Runtime, operation: Operation) -> str:
    rest = without_raises(inspect.cleandoc(operation.doc.partition("\n")[2]))
    scope = operation.declared.scope
    needs = f"Needs the scope `{scope}`." if scope else "Open to everybody."
    if operation.declared.proof is not None:
        needs += f" Needs {operation.declared.proof.in_words()}."
    limits = " and ".join(_in_words(limit) for limit in _limits_of(runtime, operation))
    return "\n\n".join(filter(None, (rest, needs, f"Limited to {limits}.")))


def without_raises(doc: str) -> str:
    """What is raised in Python is answered as a problem here, which `responses` tells."""
    return _RAISES.sub("", doc).strip()


def _limits_of(runtime: Runtime, operation: Operation) -> Sequence[Limit]:
    return (Limit(runtime.floor.limit_default, 60.0), *operation.declared.limits)


def _in_words(limit: Limit) -> str:
    whose = "each address" if limit.by == "address" else "each caller"
    over_all = " over all operations" if limit.name == "default" else ""
    return f"{limit.quota} calls in {limit.window:g} seconds for {whose}{over_all}"


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.declared.scope is not None:
        return [{"bearer": [operation.declared.scope]}]
    return [] if operation.writes else [{}, {"bearer": []}]


def _request_body(operation: Operation, argument: Argument, schema: Schema) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    if operation.declared.method == "PATCH":
        content["application/merge-patch+json"] = {"schema": schema}
    return {"required": argument.required, "content": content}


def _parameter(argument: Argument, schema: Schema) -> dict[str, Any]:
    """A text in an address is never null, so null is no part of its schema."""
    members = [member for member in schema.get("anyOf", ()) if member != {"type": "null"}]
    if members:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**rest, **members[0]} if len(members) == 1 else {**rest, "anyOf": members}
    if argument.default not in (NODEFAULT, UNSET, None):
        schema = {**schema, "default": msgspec.to_builtins(argument.default)}
    parameter: dict[str, Any] = {"name": argument.key, "in": argument.where, "required": argument.required}
    if "description" in schema:
        schema = dict(schema)
        parameter["description"] = schema.pop("description")
    return {**parameter, "schema": schema}
