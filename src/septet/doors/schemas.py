"""JSON Schemas of the types on the wire, as clients need them.

msgspec knows the shapes. What is put right here: a generic page gets a name (`PostPage`), a reply always has all of
its fields while an input may leave out those with a default, and a type that differs between the two gets two names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

Schema = dict[str, Any]
Way = Literal["in", "out"]
REFERENCE = "#/components/schemas/"
_GENERIC = re.compile(r"(\w+)\[(.*)\]\Z")


class Use(Struct, frozen=True):
    """A type, and whether it is sent to the server or by it."""

    type: Any
    way: Way


def schemas_of(uses: Sequence[Use]) -> tuple[list[Schema], dict[str, Schema]]:
    """A schema for each use, and the components that they refer to. Raises TypeError where two types share a name."""
    sent, sent_components = _one_way([use.type for use in uses if use.way == "in"], _for_input)
    given, given_components = _one_way([use.type for use in uses if use.way == "out"], _for_output)
    both_ways = {
        name
        for name in sent_components.keys() & given_components.keys()
        if sent_components[name] != given_components[name]
    }

    def as_input(reference: str) -> str:
        return f"{reference}Input" if reference.removeprefix(REFERENCE) in both_ways else reference

    components = dict(given_components)
    for name, schema in sent_components.items():
        components[as_input(REFERENCE + name).removeprefix(REFERENCE)] = _with_references(schema, as_input)
    inputs = iter([_with_references(schema, as_input) for schema in sent])
    outputs = iter(given)
    return [next(inputs if use.way == "in" else outputs) for use in uses], dict(sorted(components.items()))


def _one_way(types: Sequence[Any], settle: Callable[[Schema], None]) -> tuple[list[Schema], dict[str, Schema]]:
    try:
        schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE + "{name}")
    except KeyError as error:  # msgspec's own names for pages of the two are the same
        raise TypeError(f"two types on the wire share a name: {error.args[0]}") from error
    names = {old: _name_of(old, component) for old, component in components.items()}
    if len(set(names.values())) < len(names):
        raise TypeError(f"two types on the wire share a name: {sorted(names.values())}")

    def renamed(reference: str) -> str:
        return REFERENCE + names[reference.removeprefix(REFERENCE)]

    settled = {}
    for old, component in components.items():
        schema = _mended(_with_references(component, renamed))
        if "properties" in schema:
            settle(schema)
        settled[names[old]] = schema
    return [_mended(_with_references(schema, renamed)) for schema in schemas], settled


def _name_of(name: str, component: Schema) -> str:
    """`Page[Post]` reads `PostPage`; any other name stays."""
    generic = _GENERIC.match(str(component.get("title", "")))
    if generic is None:
        return name
    parts = re.findall(r"\w+", generic[2].replace("NoneType", ""))
    return "".join(parts) + generic[1]


def _for_input(schema: Schema) -> None:
    """A default is told in words only: generators take a property that has one for always present."""
    for name, value in schema["properties"].items():
        if "default" in value:
            default = msgspec.json.encode(value["default"]).decode()
            schema["properties"][name] = _described(value, f"Default: {default}.")
    if not schema["required"]:
        del schema["required"]


def _for_output(schema: Schema) -> None:
    """All fields are sent but those that may be unset, which are neither required nor have a default."""
    required = set(schema["required"])
    always = [name for name, value in schema["properties"].items() if name in required or "default" in value]
    schema["properties"] = {name: _without(value, "default") for name, value in schema["properties"].items()}
    if always:
        schema["required"] = always
    else:
        del schema["required"]


def _described(value: Schema, sentence: str) -> Schema:
    described = _without(value, "default")
    described["description"] = f"{described.get('description', '')} {sentence}".strip()
    return described


def _without(value: Schema, key: str) -> Schema:
    return {name: each for name, each in value.items() if name != key}


def _mended(schema: Any) -> Any:
    """Titles that only repeat names go; a tag is a constant; an enumeration says its type; a union of tags is one."""
    if isinstance(schema, list):
        return [_mended(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    mended = {key: _mended(value) for key, value in schema.items()}
    if isinstance(mended.get("title"), str) and ("type" in mended or "enum" in mended):
        del mended["title"]
    if "enum" in mended and "type" not in mended:
        mended["type"] = "string"
        if len(mended["enum"]) == 1:
            mended["const"] = mended.pop("enum")[0]
    if "discriminator" in mended:
        mended["oneOf"] = mended.pop("anyOf")
    return mended


def _with_references(schema: Any, change: Callable[[str], str]) -> Any:
    """The same schema with each reference, those of a discriminator too, changed."""
    if isinstance(schema, list):
        return [_with_references(each, change) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _changed(key, value, change) for key, value in schema.items()}


def _changed(key: str, value: Any, change: Callable[[str], str]) -> Any:
    if key == "$ref":
        return change(value)
    if key == "discriminator":
        return {**value, "mapping": {tag: change(reference) for tag, reference in value["mapping"].items()}}
    return _with_references(value, change)
