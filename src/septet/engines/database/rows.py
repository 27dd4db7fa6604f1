"""From the driver's rows to Structs: a query's columns are its Struct's fields, in order, and built by position."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Float, Integer
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import Executable

from septet.core import columns

Convert = Callable[[Any], Any]


class Makers:
    """`one(*row)` makes a Struct, `many(rows)` a list of them."""

    def __init__(self, statement: Executable, into: type[Any], dialect: Dialect) -> None:
        listed = _columns_of(statement)
        fields = _fields_of(into)
        if [column.key for column in listed] != [field.name for field in fields]:
            raise TypeError(
                f"its columns {[column.key for column in listed]} are not the fields of {into.__name__}: "
                f"{[field.name for field in fields]}"
            )
        environment: dict[str, Any] = {"_into": into}
        cells = [f"_c{place}" for place in range(len(listed))]
        items = []
        for place, (column, field) in enumerate(zip(listed, fields, strict=True)):
            convert = converter(column, field.type, dialect)
            environment[f"_to{place}"] = convert
            cell = cells[place]
            items.append(f"None if {cell} is None else _to{place}({cell})" if convert else cell)
        made = f"_into({', '.join(items)})"
        taken = ", ".join(cells)
        self.one: Callable[..., Any] = into if items == cells else eval(f"lambda {taken}: {made}", environment)
        self.many: Callable[[Iterable[Any]], list[Any]]
        self.many = eval(f"lambda rows: [{made} for {taken}, in rows]", environment)


def _columns_of(statement: Any) -> list[ColumnElement[Any]]:
    listed = list(statement.exported_columns)
    if not listed:
        raise TypeError("it gives no rows: use run(…), or add returning(…)")
    return listed


def _fields_of(into: type[Any]) -> tuple[msgspec.structs.FieldInfo, ...]:
    if not (isinstance(into, type) and issubclass(into, msgspec.Struct)):
        raise TypeError(f"into={into!r} is not a Struct")
    if any(p.kind is inspect.Parameter.KEYWORD_ONLY for p in inspect.signature(into).parameters.values()):
        raise TypeError(f"{into.__name__} has keyword-only fields; rows are built by position")
    return msgspec.structs.fields(into)


def converter(column: ColumnElement[Any], field: Any, dialect: Dialect) -> Convert | None:
    """What turns a cell that is not NULL into the value of its field; None where it is that value already."""
    if isinstance(column.type, columns.Json):
        decode: Convert = msgspec.json.Decoder(field).decode
        return decode
    enum = _enum_of(field)
    if enum is not None:
        return _member_of(enum)
    if dialect.name == "postgresql":  # its driver gives what is stored, but a sum or an average is a numeric
        if isinstance(column, Column):
            return None
        return int if isinstance(column.type, Integer) else float if isinstance(column.type, Float) else None
    stored: Convert | None = getattr(type(column.type), "from_sqlite", None)
    if stored is not None:
        return stored
    processor: Convert | None = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return processor


def _member_of(enum: type[Enum]) -> Convert:
    known = {member.value: member for member in enum}
    return lambda value: known.get(value) or enum(value)


def _enum_of(field: Any) -> type[Enum] | None:
    """The enum that a field's type is, looking through Annotated, NewType and `| None`."""
    while True:
        if typing.get_origin(field) is typing.Annotated:
            field = field.__origin__
        elif isinstance(field, typing.NewType):
            field = field.__supertype__
        elif typing.get_origin(field) in (typing.Union, types.UnionType):
            kinds = [kind for kind in typing.get_args(field) if kind is not types.NoneType]
            if len(kinds) != 1:
                return None
            field = kinds[0]
        else:
            return field if isinstance(field, type) and issubclass(field, Enum) else None
