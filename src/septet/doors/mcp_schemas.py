"""JSON Schemas of a tool: its arguments side by side with the fields of its body, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from septet.core.arguments import Argument
from septet.core.operation import Operation
from septet.doors.schemas import REFERENCE, Schema, Use, schemas_of

_LOCAL = "#/$defs/"
_VERSION_ARGUMENT = (
    "Refuse the change unless this version is the current one: `septet/etag` in the `_meta` of what was read."
)
_TEXT: Schema = {"type": "string"}
REFUSAL: Schema = {
    "type": "object",
    "title": "Refusal",
    "description": "Comes with isError: why the call was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "request_id": _TEXT,
        "trace_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": _TEXT, "detail": _TEXT},
            },
        },
    },
}


def input_schema(operation: Operation) -> Schema:
    """One flat object. Raises TypeError for a body whose fields cannot stand beside the arguments."""
    schemas, components = schemas_of([Use(argument.type, "in") for argument in operation.arguments])
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for argument, schema in zip(operation.arguments, schemas, strict=True):
        if argument.where == "body":
            body = _fields_of(operation, schema, components)
            properties |= body["properties"]
            required += body.get("required", []) if argument.required else []
        else:
            properties[argument.name] = _described(argument, schema)
            required += [argument.name] if argument.required else []
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        made["required"] = required
    return _self_contained(made, components)


def output_schema(operation: Operation) -> Schema | None:
    """What comes back, or a refusal: clients hold both against it. None where the reply is no object."""
    if operation.returns in (None, type(None)):
        return None
    (schema,), components = schemas_of([Use(operation.returns, "out")])
    if not _is_object(schema, components):
        return None
    return _self_contained({"type": "object", "anyOf": [schema, REFUSAL]}, components)


def _fields_of(operation: Operation, schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """The Struct behind a body, which may be optional."""
    members = [member for member in schema.get("anyOf", [schema]) if member != {"type": "null"}]
    found = _resolved(members[0], components) if len(members) == 1 else {}
    if "properties" not in found:
        raise TypeError(f"{operation.name}: agents are shown the fields of a body, so it is one Struct")
    return found


def _described(argument: Argument, schema: Schema) -> Schema:
    if argument.key == "If-Match":
        schema = {**schema, "description": _VERSION_ARGUMENT}
    if argument.default in (NODEFAULT, UNSET, None):
        return schema
    return {**schema, "default": msgspec.to_builtins(argument.default)}


def _is_object(schema: Schema, components: Mapping[str, Schema]) -> bool:
    schema = _resolved(schema, components)
    members = schema.get("oneOf") or schema.get("anyOf")
    if members:
        return all(_is_object(member, components) for member in members)
    return schema.get("type") == "object"


def _resolved(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    return components[schema["$ref"].removeprefix(REFERENCE)] if "$ref" in schema else schema


def _self_contained(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """The same with all that it refers to under `$defs`."""
    needed: dict[str, Schema] = {}
    waiting = list(_names_in(schema))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _with_local_references(components[name])
            waiting += _names_in(components[name])
    made: Schema = _with_local_references(schema)
    return {**made, "$defs": dict(sorted(needed.items()))} if needed else made


def _names_in(schema: Any) -> Iterator[str]:
    """The components that a schema refers to."""
    if isinstance(schema, list):
        for each in schema:
            yield from _names_in(each)
    elif isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(REFERENCE)
        for key, value in schema.items():
            if key != "$ref" and not _is_discriminator(key, value):
                yield from _names_in(value)


def _with_local_references(schema: Any) -> Any:
    """References into `$defs`; without `discriminator`, which is OpenAPI's: the tags are constants anyway."""
    if isinstance(schema, list):
        return [_with_local_references(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _with_local_references(value) for key, value in schema.items() if not _is_discriminator(key, value)}
    if "$ref" in made:
        made["$ref"] = made["$ref"].replace(REFERENCE, _LOCAL)
    return made


def _is_discriminator(key: str, value: Any) -> bool:
    """Whether it is that keyword, and not a field of this name."""
    return key == "discriminator" and "propertyName" in value
