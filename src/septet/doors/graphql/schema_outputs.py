"""Output types: what operations and relations return, as GraphQL's objects, unions, enums and lists."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    GraphQLUnionType,
    get_named_type,
)
from msgspec import NODEFAULT, UNSET, Struct
from msgspec import inspect as shapes

from septet.core.types import Page
from septet.doors.graphql.connections import Connections
from septet.doors.graphql.names import TypeNames, by_camel_name, name_of
from septet.doors.graphql.scalars import JSON, scalar_of
from septet.doors.graphql.sources import FromOwner, FromType, Show, kept, kept_struct


class RelationFields(Protocol):
    """Gives the fields that relations add to an object."""

    def __call__(self, owner: type) -> Mapping[str, GraphQLField]: ...


class Shown(Struct, frozen=True):
    """How a shape is shown. `objects`: it is made of objects, which are selected from; `many`: in a list."""

    type: GraphQLOutputType
    show: Show | None = None
    objects: bool = False
    many: bool = False

    @property
    def nullable(self) -> GraphQLOutputType:
        """The type, where there may be none."""
        return self.type.of_type if isinstance(self.type, GraphQLNonNull) else self.type


class Enums:
    """The enums of a schema, the same for inputs and outputs. Their values go by the names of the members."""

    def __init__(self, names: TypeNames) -> None:
        self._names = names
        self._made: dict[type[Enum], GraphQLEnumType] = {}

    def of(self, kind: type[Enum]) -> GraphQLEnumType:
        if kind not in self._made:
            values = {member.name: GraphQLEnumValue(member.value) for member in kind}
            self._made[kind] = GraphQLEnumType(
                self._names.claim(kind.__name__, kind), values, description=own_doc(kind)
            )
        return self._made[kind]


class Outputs:
    """Makes each output type once."""

    def __init__(self, names: TypeNames, enums: Enums, relations: RelationFields) -> None:
        self._names = names
        self._enums = enums
        self._relations = relations
        self._connections = Connections(names)
        self._objects: dict[Any, GraphQLObjectType] = {}
        self._unions: dict[tuple[Any, ...], GraphQLUnionType] = {}

    def of(self, shape: shapes.Type) -> Shown:
        """How `shape` is shown, never null unless it may be."""
        match shape:
            case shapes.Metadata():
                return self.of(shape.type)
            case shapes.UnionType():
                return self._union(shape)
            case shapes.StructType() if typing.get_origin(shape.cls) is Page:
                item = shape.fields[0].type
                assert isinstance(item, shapes.ListType)
                node = self.of(item.item_type)
                name = get_named_type(node.type).name
                made = self._connections.of(shape.cls, name, node.type, node.show, objects=node.objects)
                return Shown(GraphQLNonNull(made), objects=True)
            case shapes.StructType() if (shape.fields or shape.tag_field) and not shape.array_like:
                return Shown(GraphQLNonNull(self._object(shape)), objects=True)
            case shapes.EnumType():
                names = {member: member.name for member in shape.cls}
                return Shown(GraphQLNonNull(self._enums.of(shape.cls)), names.__getitem__)
            case shapes.ListType() | shapes.SetType() | shapes.FrozenSetType() | shapes.VarTupleType():
                return self._list(self.of(shape.item_type))
            case shapes.AnyType():
                return Shown(JSON)
        return Shown(GraphQLNonNull(scalar_of(shape)))

    def _list(self, item: Shown) -> Shown:
        if item.many:  # a list of lists of objects: nothing can be selected from it
            return Shown(GraphQLNonNull(JSON))
        show = None if item.show is None else _for_each(unless_none(item.show))
        return Shown(GraphQLNonNull(GraphQLList(item.type)), show, item.objects, many=item.objects)

    def _union(self, shape: shapes.UnionType) -> Shown:
        members = [member for member in shape.types if not isinstance(member, shapes.NoneType)]
        if len(members) == 1:
            only = self.of(members[0])
            if len(shape.types) == 1:
                return only
            show = None if only.show is None else unless_none(only.show)
            return Shown(only.nullable, show, only.objects, only.many)
        if all(isinstance(member, shapes.StructType) and member.tag_field for member in members):
            made = self._union_of([member for member in members if isinstance(member, shapes.StructType)])
            shown = Shown(GraphQLNonNull(made), objects=True)
        else:
            shown = Shown(GraphQLNonNull(JSON))
        return shown if len(members) == len(shape.types) else msgspec.structs.replace(shown, type=shown.nullable)

    def _union_of(self, members: list[shapes.StructType]) -> GraphQLUnionType:
        key = tuple(member.cls for member in members)
        if key not in self._unions:
            types = [self._object(member) for member in members]
            name = self._names.claim("Or".join(kind.name for kind in types), key)
            self._unions[key] = GraphQLUnionType(name, types)
        return self._unions[key]

    def _object(self, shape: shapes.StructType) -> GraphQLObjectType:
        if shape.cls not in self._objects:
            system = self._names.system
            self._objects[shape.cls] = GraphQLObjectType(
                self._names.claim(name_of(shape.cls), shape.cls),
                lambda: self._fields(shape, system),
                description=own_doc(typing.get_origin(shape.cls) or shape.cls),
                extensions=kept_struct(typing.get_origin(shape.cls) or shape.cls),
            )
        return self._objects[shape.cls]

    def _fields(self, shape: shapes.StructType, system: str) -> dict[str, GraphQLField]:
        self._names.system = system  # the fields are read later, when the schema is put together
        found = {field.name: self._field(field) for field in shape.fields}
        if shape.tag_field is not None:
            tag = GraphQLField(GraphQLNonNull(GraphQLString), extensions=kept(FromType(str(shape.tag))))
            found = {shape.tag_field: tag, **found}
        found |= self._relations(typing.get_origin(shape.cls) or shape.cls)
        return by_camel_name(name_of(shape.cls), found)

    def _field(self, field: shapes.Field) -> GraphQLField:
        may_be_unset = not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT
        shown = self.of(field.type)
        source = FromOwner(field.name, shown.show, shown.many, may_be_unset)
        return GraphQLField(
            shown.nullable if may_be_unset else shown.type,
            description=description_of(field.type),
            extensions=kept(source),
        )


def unless_none(show: Show) -> Show:
    """The same, with nothing for nothing."""
    return lambda value: None if value is None or value is UNSET else show(value)


def _for_each(show: Show) -> Show:
    return lambda values: [show(value) for value in values]


def own_doc(kind: type) -> str | None:
    """A type's own docstring, not that of its base."""
    doc = vars(kind).get("__doc__")
    if issubclass(kind, Enum) and doc == Enum.__doc__:
        return None
    return " ".join(doc.split()) if doc else None


def description_of(shape: shapes.Type) -> str | None:
    """What a type's Meta says of it."""
    return next(_descriptions(shape), None)


def _descriptions(shape: shapes.Type) -> Iterator[str]:
    if isinstance(shape, shapes.Metadata):
        described = (shape.extra_json_schema or {}).get("description")
        if described:
            yield described
        yield from _descriptions(shape.type)
    elif isinstance(shape, shapes.UnionType):
        for member in shape.types:
            yield from _descriptions(member)
