"""A declared type in words: what kind of value it takes, within which bounds, and what it is for."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect as shapes

from septet.core.types import LARGEST_INT

_METAVARS: dict[type[shapes.Type], str] = {
    shapes.IntType: "INTEGER",
    shapes.FloatType: "NUMBER",
    shapes.BoolType: "BOOLEAN",
    shapes.UUIDType: "UUID",
    shapes.DateTimeType: "TIME",
    shapes.DateType: "DATE",
    shapes.StrType: "TEXT",
}
_MOST_CHOICES = 6


def metavar_of(kind: Any) -> str:
    """What stands for the value in a usage line: `TEXT`, `INTEGER`, `red|blue`."""
    shape = _item_of(_shape_of(kind))
    if isinstance(shape, shapes.EnumType):
        names = [str(member.value) for member in shape.cls]
        return "|".join(names) if len(names) <= _MOST_CHOICES else shape.cls.__name__.upper()
    return _METAVARS.get(type(shape), "JSON")


def description_of(kind: Any) -> str:
    """What its declaration says that it is for; of a Struct, which fields it has."""
    extra = _metadata(msgspec.inspect.type_info(kind))
    shape = _item_of(_shape_of(kind))
    if not extra and isinstance(shape, shapes.StructType):
        return f"With {', '.join(_field_in_words(field) for field in shape.fields)}."
    return extra


def constraints_of(kind: Any) -> str:
    """The bounds that a value is held to, in parentheses."""
    outer = _shape_of(kind)
    inner = _item_of(outer)
    told = _bounds(inner)
    if inner is not outer and (count := _length(outer, "items")):
        told = [*told, count]
    return f"({', '.join(told)})" if told else ""


def _bounds(shape: shapes.Type) -> list[str]:
    if isinstance(shape, shapes.IntType | shapes.FloatType):
        told = [(shape.ge, "at least"), (shape.gt, "more than"), (shape.le, "at most"), (shape.lt, "less than")]
        return [f"{word} {bound}" for bound, word in told if bound is not None and abs(bound) < LARGEST_INT]
    if isinstance(shape, shapes.StrType):
        pattern = [f"like {shape.pattern}"] if shape.pattern else []
        length = _length(shape, "characters")
        return [*([length] if length else []), *pattern]
    if isinstance(shape, shapes.DateTimeType):
        return ["with a time zone, such as 2026-01-31T12:00:00Z"]
    return []


def _length(shape: Any, what: str) -> str:
    least, most = getattr(shape, "min_length", None), getattr(shape, "max_length", None)
    if least and most:
        return f"{least} to {most} {what}"
    return f"at least {least} {what}" if least else f"at most {most} {what}" if most else ""


def _field_in_words(field: shapes.Field) -> str:
    return field.encode_name if field.required else f"{field.encode_name} (optional)"


def _shape_of(kind: Any) -> shapes.Type:
    return _plain(msgspec.inspect.type_info(kind))


def _plain(shape: shapes.Type) -> shapes.Type:
    """Without metadata, and without null beside it."""
    if isinstance(shape, shapes.Metadata):
        return _plain(shape.type)
    if isinstance(shape, shapes.UnionType):
        members = [one for one in shape.types if not isinstance(one, shapes.NoneType)]
        return _plain(members[0]) if len(members) == 1 else shape
    return shape


def _item_of(shape: shapes.Type) -> shapes.Type:
    if isinstance(shape, shapes.ListType | shapes.SetType | shapes.FrozenSetType | shapes.VarTupleType):
        return _plain(shape.item_type)
    return shape


def _metadata(shape: shapes.Type) -> str:
    """The first description on the way to the plain shape."""
    if isinstance(shape, shapes.Metadata):
        schema = shape.extra_json_schema or {}
        return str(schema.get("description", "")) or _metadata(shape.type)
    if isinstance(shape, shapes.UnionType):
        return next(filter(None, map(_metadata, shape.types)), "")
    if isinstance(shape, shapes.ListType | shapes.SetType | shapes.FrozenSetType | shapes.VarTupleType):
        return _metadata(shape.item_type)
    return ""
