"""Input types: arguments and bodies as GraphQL's input objects. What is absent stays apart from what is null.

An argument that has a default shows it and refuses null; one that may be null or left out is nullable, and whether it
was left out is seen only by the Struct that it becomes.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLDefaultInput,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)
from msgspec import NODEFAULT, Struct
from msgspec import inspect as shapes

from septet.core.arguments import Argument
from septet.doors.graphql.names import TypeNames, by_camel_name, camel, name_of
from septet.doors.graphql.scalars import JSON, scalar_of
from septet.doors.graphql.schema_outputs import Enums, description_of, own_doc

_NOTHING = object()


class Inputs:
    """Makes each input type once."""

    def __init__(self, names: TypeNames, enums: Enums) -> None:
        self._names = names
        self._enums = enums
        self._made: dict[Any, GraphQLInputObjectType] = {}

    def arguments(
        self, what: str, arguments: tuple[Argument, ...], kind: type[Struct], *, paged: bool, counts: bool
    ) -> dict[str, GraphQLArgument]:
        """The arguments of an operation or relation: the body as `input`, pages by `first` and `after`."""
        shape = shapes.type_info(kind)
        assert isinstance(shape, shapes.StructType)
        fields = {field.name: field for field in shape.fields}
        hidden = {"limit", "cursor"} if paged else set()
        hidden |= {"count"} if counts else set()
        found = {
            "input" if argument.where == "body" else argument.name: self._argument(fields[argument.name])
            for argument in arguments
            if argument.name not in hidden
        }
        if paged:
            found |= _page_arguments(fields)
        return by_camel_name(what, found)

    def of(self, shape: shapes.Type) -> GraphQLInputType:
        match shape:
            case shapes.Metadata():
                return self.of(shape.type)
            case shapes.UnionType():
                return self._union(shape)
            case shapes.StructType() if shape.fields and not shape.array_like:
                return GraphQLNonNull(self._object(shape))
            case shapes.EnumType():
                return GraphQLNonNull(self._enums.of(shape.cls))
            case shapes.ListType() | shapes.SetType() | shapes.FrozenSetType() | shapes.VarTupleType():
                return GraphQLNonNull(GraphQLList(self.of(shape.item_type)))
            case shapes.AnyType():
                return JSON
        return GraphQLNonNull(scalar_of(shape))

    def _argument(self, field: shapes.Field) -> GraphQLArgument:
        kind, default = self._offered(field)
        return GraphQLArgument(kind, default=default, description=description_of(field.type), out_name=field.name)

    def _offered(self, field: shapes.Field) -> tuple[GraphQLInputType, GraphQLDefaultInput | None]:
        kind = self.of(field.type)
        if field.required:
            return kind, None
        default = _shown_default(field)
        if default is _NOTHING:
            return _nullable(kind), None
        return kind, GraphQLDefaultInput(default)

    def _union(self, shape: shapes.UnionType) -> GraphQLInputType:
        members = [member for member in shape.types if not isinstance(member, shapes.NoneType)]
        if len(members) == 1:
            made = self.of(members[0])
        elif all(isinstance(member, shapes.StructType) and member.tag_field for member in members):
            made = GraphQLNonNull(self._one_of([m for m in members if isinstance(m, shapes.StructType)]))
        else:
            made = GraphQLNonNull(JSON)
        return made if len(members) == len(shape.types) else _nullable(made)

    def _object(self, shape: shapes.StructType) -> GraphQLInputObjectType:
        if shape.cls not in self._made:
            name = self._names.claim(_input_name(name_of(shape.cls)), (shape.cls, "input"))
            system = self._names.system
            self._made[shape.cls] = GraphQLInputObjectType(
                name,
                lambda: self._fields(shape, name, system),
                description=own_doc(typing.get_origin(shape.cls) or shape.cls),
            )
        return self._made[shape.cls]

    def _fields(self, shape: shapes.StructType, name: str, system: str) -> dict[str, GraphQLInputField]:
        self._names.system = system  # the fields are read later, when the schema is put together
        return by_camel_name(name, {field.name: self._field(field) for field in shape.fields})

    def _field(self, field: shapes.Field) -> GraphQLInputField:
        kind, default = self._offered(field)
        return GraphQLInputField(
            kind, default=default, description=description_of(field.type), out_name=field.encode_name
        )

    def _one_of(self, members: list[shapes.StructType]) -> GraphQLInputObjectType:
        """A union of tagged Structs: an input object of which exactly one field is given, named for the tag."""
        key = tuple(member.cls for member in members)
        if key not in self._made:
            tags = {str(member.tag): {member.tag_field: member.tag} for member in members}

            def tagged(given: Mapping[str, Any]) -> Any:
                ((tag, value),) = given.items()
                return {**tags[tag], **value} if isinstance(value, dict) else value

            name = self._names.claim(_input_name("Or".join(name_of(member.cls) for member in members)), key)
            self._made[key] = GraphQLInputObjectType(
                name,
                {
                    camel(str(member.tag)): GraphQLInputField(_nullable(self.of(member)), out_name=str(member.tag))
                    for member in members
                },
                out_type=tagged,
                is_one_of=True,
            )
        return self._made[key]


def _input_name(name: str) -> str:
    return name if name.endswith("Input") else f"{name}Input"


def _nullable(kind: GraphQLInputType) -> GraphQLInputType:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _page_arguments(fields: Mapping[str, shapes.Field]) -> dict[str, GraphQLArgument]:
    """`first` and `after`, `last` and `before`; nullable, because clients send them as null on the first page."""
    limit = fields["limit"]
    usual = "" if limit.default is NODEFAULT else f" Otherwise {limit.default}."
    found = {"first": GraphQLArgument(GraphQLInt, description=f"How many items at most.{usual}")}
    if "cursor" in fields:
        found |= {
            "after": GraphQLArgument(GraphQLString, description="A cursor: only what follows its place."),
            "last": GraphQLArgument(GraphQLInt, description="How many items before `before` at most."),
            "before": GraphQLArgument(GraphQLString, description="A cursor: only what precedes its place."),
        }
    return found


def _shown_default(field: shapes.Field) -> Any:
    """A default as a client would write it; _NOTHING for null, for what is unset, and for what cannot be written."""
    default = field.default
    if field.default_factory in {list, dict, set, frozenset, tuple}:
        default = {} if field.default_factory is dict else []
    return _NOTHING if default is NODEFAULT or default is None else _written(default)


def _written(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple | set | frozenset):
        items = [_written(item) for item in value]
        return _NOTHING if _NOTHING in items else items
    if isinstance(value, bool | int | float | str) or value == {}:
        return value
    return _NOTHING
