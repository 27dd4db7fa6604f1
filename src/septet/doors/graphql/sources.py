"""Where the value of a field comes from: what the schema keeps at each field for whoever executes a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLField, GraphQLObjectType
from msgspec import Struct

from septet.core.operation import Operation
from septet.core.relation import Relation

_KEY = "septet"

Show = Callable[[Any], Any]  # what is shown of a plain value, where it is not the value itself


class FromOperation(Struct, frozen=True):
    """A root field: what an operation gives. `counts`: it takes `count`, for a connection's `totalCount`."""

    operation: Operation
    show: Show | None
    many: bool
    paged: bool
    counts: bool


class FromRelation(Struct, frozen=True):
    """What a relation leads to."""

    relation: Relation
    show: Show | None
    paged: bool
    counts: bool


class FromOwner(Struct, frozen=True):
    """What its owner holds: an attribute, or what a function gives of it. `many`: a list of objects."""

    get: str | Callable[[Any], Any]
    show: Show | None = None
    many: bool = False
    may_be_unset: bool = False


class FromType(Struct, frozen=True):
    """The same for every object of the type: its tag."""

    value: Any


Source = FromOperation | FromRelation | FromOwner | FromType


def kept(source: Source) -> dict[str, Any]:
    """A field's extensions."""
    return {_KEY: source}


def source_of(field: GraphQLField) -> Any:
    """What `kept` put there: a Source."""
    return field.extensions[_KEY]


def kept_struct(struct: type[Struct]) -> dict[str, Any]:
    """An object type's extensions."""
    return {_KEY: struct}


def struct_of(kind: GraphQLObjectType) -> type[Struct]:
    """The Struct whose objects the type describes."""
    struct: type[Struct] = kind.extensions[_KEY]
    return struct
