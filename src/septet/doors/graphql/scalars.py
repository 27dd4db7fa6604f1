"""The scalars beside GraphQL's own.

Here only the shape is looked at: a `DateTime` is some text. What the text says is checked where the arguments are
bound, as on every door, so that a caller meets the same problem whichever way a call came.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
    ValueNode,
)
from graphql.utilities import value_from_ast_untyped
from msgspec import inspect as shapes

_SMALLEST_INT, _LARGEST_INT = -(2**31), 2**31 - 1


def _text_scalar(name: str, description: str, url: str | None = None) -> GraphQLScalarType:
    def from_value(value: Any) -> str:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} is written as a text.")
        return value

    def from_literal(node: ValueNode) -> str:
        if not isinstance(node, StringValueNode):
            raise GraphQLError(f"{name} is written as a text.")
        return node.value

    return GraphQLScalarType(
        name,
        description=description,
        specified_by_url=url,
        coerce_output_value=_as_it_is,
        coerce_input_value=from_value,
        coerce_input_literal=from_literal,
    )


def _as_it_is(value: Any) -> Any:
    """Values stay what they are: the encoder of the reply writes moments, ids and decimals."""
    return value


def _long_from_value(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise GraphQLError("Long is an integer.")
    return value


def _long_from_literal(node: ValueNode) -> int:
    if not isinstance(node, IntValueNode):
        raise GraphQLError("Long is an integer.")
    return int(node.value)


LONG = GraphQLScalarType(
    "Long",
    description="An integer within ±(2^53−1), which JSON and JavaScript write exactly.",
    coerce_output_value=_as_it_is,
    coerce_input_value=_long_from_value,
    coerce_input_literal=_long_from_literal,
)
JSON = GraphQLScalarType(
    "JSON",
    description="Any JSON value.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    coerce_output_value=_as_it_is,
    coerce_input_value=_as_it_is,
    coerce_input_literal=value_from_ast_untyped,
)
DATE_TIME = _text_scalar(
    "DateTime", "RFC 3339, with a time zone; replies are in UTC.", "https://www.rfc-editor.org/rfc/rfc3339"
)
_TEXTS: dict[type[shapes.Type], GraphQLScalarType] = {
    shapes.DateTimeType: DATE_TIME,
    shapes.DateType: _text_scalar("Date", "A day: `2026-01-31`."),
    shapes.TimeType: _text_scalar("Time", "A time of day: `18:30:00`."),
    shapes.TimeDeltaType: _text_scalar("Duration", "A duration as ISO 8601 has it: `PT30S`."),
    shapes.DecimalType: _text_scalar("Decimal", "A decimal number, written as a text so that it stays exact."),
    **dict.fromkeys(
        (shapes.BytesType, shapes.ByteArrayType, shapes.MemoryViewType), _text_scalar("Base64", "Bytes in base64.")
    ),
}


def scalar_of(shape: shapes.Type) -> GraphQLScalarType:
    """The scalar of a shape; JSON for what GraphQL has no type for. An id is an `ID`, as tools expect."""
    match shape:
        case shapes.UUIDType():
            return GraphQLID
        case shapes.StrType():
            return GraphQLString
        case shapes.BoolType():
            return GraphQLBoolean
        case shapes.FloatType():
            return GraphQLFloat
        case shapes.IntType():
            return GraphQLInt if _fits_int(shape) else LONG
    return _TEXTS.get(type(shape), JSON)


def _fits_int(shape: shapes.IntType) -> bool:
    low = shape.ge if shape.ge is not None else shape.gt
    high = shape.le if shape.le is not None else shape.lt
    return low is not None and high is not None and low >= _SMALLEST_INT and high <= _LARGEST_INT
