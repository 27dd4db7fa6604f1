"""The rules that types on the wire keep, checked once at start.

JSON numbers are exact only within ±(2^53−1), a time without its zone is no moment, and a `Literal` has no
name that GraphQL or a generated client could use.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec import inspect as shapes

from septet.core.operation import Operation
from septet.core.relation import Relation
from septet.core.types import LARGEST_INT, Input, Output


def check_wire_types(operations: Iterable[Operation], relations: Iterable[Relation] = ()) -> None:
    """Raise TypeError, naming declaration and place, for a type that breaks a rule of the wire."""
    declared = [(o.name, o.arguments, o.returns) for o in operations]
    declared += [(f"{r.owner.__name__}.{r.name}", r.arguments, r.returns) for r in relations]
    for name, arguments, returns in declared:
        seen: set[Any] = set()
        for argument in arguments:
            base = Input if argument.where == "body" else None
            for fault in _faults(shapes.type_info(argument.type), argument.name, base, seen):
                raise TypeError(f"{name}: {fault}")
        for fault in _faults(shapes.type_info(returns), "reply", Output, set()):
            raise TypeError(f"{name}: {fault}")


def _faults(shape: shapes.Type, at: str, base: type[Struct] | None, seen: set[Any]) -> Iterator[str]:
    match shape:
        case shapes.Metadata():
            yield from _faults(shape.type, at, base, seen)
        case shapes.IntType() if not _is_exact(shape):
            yield f"{at}: an integer needs bounds within ±(2^53−1), as core.types.Int has"
        case shapes.DateTimeType(tz=tz) if tz is not True:
            yield f"{at}: a time needs its zone, as core.types.Instant has"
        case shapes.LiteralType():
            yield f"{at}: a Literal has no name; use a StrEnum"
        case shapes.EnumType(cls=cls) if not issubclass(cls, StrEnum):
            yield f"{at}: {cls.__name__} is not a StrEnum"
        case shapes.UnionType():
            for member in shape.types:
                yield from _faults(member, at, base, seen)
        case shapes.ListType() | shapes.SetType() | shapes.VarTupleType() | shapes.FrozenSetType():
            yield from _faults(shape.item_type, f"{at}[]", base, seen)
        case shapes.DictType():
            yield from _faults(shape.value_type, f"{at}{{}}", base, seen)
        case shapes.StructType():
            origin = typing.get_origin(shape.cls) or shape.cls
            if base is not None and not issubclass(origin, base):
                yield f"{at}: {origin.__name__} is not an {base.__name__}"
            if shape.cls not in seen:
                seen.add(shape.cls)
                for field in shape.fields:
                    yield from _faults(field.type, f"{at}.{field.encode_name}", base, seen)


def _is_exact(shape: shapes.IntType) -> bool:
    low = shape.ge if shape.ge is not None else shape.gt
    high = shape.le if shape.le is not None else shape.lt
    return low is not None and high is not None and low >= -LARGEST_INT and high <= LARGEST_INT
