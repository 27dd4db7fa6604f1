"""From the values that a query is called with to the parameters that the driver takes.

What one database would take and the other refuse is refused here, so that both behave the same: text with a NUL,
integers beyond their column.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, BindParameter, Integer, SmallInteger, String
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

from septet.core import columns
from septet.core.errors import Invalid

Convert = Callable[[Any], Any]
Binder = Callable[..., tuple[Any, ...]]

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
LONGEST_LIST = 16_384  # SQLite takes 32,766 parameters a statement


class Parameters:
    """The parameters of one compiled statement, in the order of its text."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.names: list[str] = []  # what the query must be called with
        self.lists: list[str] = []  # those of them whose length changes SQLite's text
        self.fixed_lists: dict[str, int] = {}  # lists written in the statement itself, and their lengths
        self._dialect = dialect
        self._environment: dict[str, Any] = {"_padded": padded}
        self._items: list[str] = []
        for key in compiled.positiontup or ():
            bind = compiled.binds[key]
            self._add(key, bind, spread=bind in compiled.post_compile_params)

    def binder(self, name: str) -> Binder:
        """A function from the query's values, by name, to the driver's parameters, by position."""
        parameters = "".join(f"{item}, " for item in self._items)
        made: Binder = eval(f"lambda {self._signature}: ({parameters})", self._environment)
        made.__name__ = made.__qualname__ = name  # so a TypeError for a missing value tells whose it is
        return made

    def sizer(self) -> Binder:
        """A function from the query's values to the padded lengths of its lists."""
        sizes = "".join(f"_size(len({name})), " for name in self.lists)
        made: Binder = eval(f"lambda {self._signature}: ({sizes})", {"_size": size})
        return made

    @property
    def _signature(self) -> str:
        return f"*, {', '.join(self.names)}" if self.names else ""

    def _add(self, key: str, bind: BindParameter[Any], *, spread: bool) -> None:
        place = len(self._items)
        if isinstance(bind.type, NullType) or isinstance(bind.value, BindParameter):
            raise TypeError(f"parameter {key} has no type: compare it with a column, or give it type_=")
        convert = converter(bind.type, self._dialect)
        self._environment[f"_to{place}"] = convert
        if bind.required:
            self._add_name(bind.key)
            if spread:
                if bind.key not in self.lists:
                    self.lists.append(bind.key)
                self._items.append(f"*_padded({bind.key}, _to{place})")
            else:
                self._items.append(f"_to{place}({bind.key})" if convert else bind.key)
            return
        self._environment[f"_fixed{place}"] = _fixed(bind, convert, spread=spread)
        self._items.append(f"*_fixed{place}" if spread else f"_fixed{place}")
        if spread:
            self.fixed_lists[key] = len(self._environment[f"_fixed{place}"])

    def _add_name(self, name: str) -> None:
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise TypeError(f"parameter {name!r} needs a name that a keyword argument can have")
        if name not in self.names:
            self.names.append(name)


def converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """What turns a value of `kind` into what the driver takes; None where it takes the value as it is."""
    if isinstance(kind, ARRAY):
        return _list_of(converter(kind.item_type, dialect))
    if isinstance(kind, (String, columns.Text)):
        return plain_text
    if isinstance(kind, Integer):
        bits = 64 if isinstance(kind, BigInteger) else 16 if isinstance(kind, SmallInteger) else 32
        return _integer(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if isinstance(kind, columns.Instant) and dialect.name == "postgresql":
        return aware
    if isinstance(kind, columns.Json):
        return columns.unless_none(json_text)
    made: Convert | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return made


def plain_text(value: Any) -> str | None:
    """The text as a plain str. Raises Invalid for a NUL, TypeError for what is no text."""
    if value is None:
        return None
    if "\0" in value:
        raise Invalid("Text may not hold a NUL character.")
    return value if type(value) is str else str.__str__(value)


def json_text(value: Any) -> str:
    """The JSON document. Raises Invalid where its text holds a NUL, which PostgreSQL's jsonb cannot keep."""
    try:
        encoded = msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise Invalid("Text holds half of a surrogate pair, which is no character.") from error
    if r"\u0000" in encoded and _ESCAPED_NUL.search(encoded):
        raise Invalid("Text may not hold a NUL character.")
    return encoded


def aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise TypeError(f"{value!r} has no time zone")
    return value


def size(length: int) -> int:
    """The next power of two, so that few texts serve lists of all lengths; 0 for 0."""
    return length and 1 << (length - 1).bit_length()


def padded(values: Any, convert: Convert | None) -> list[Any]:
    """The list's values, the last repeated up to `size`."""
    made = _list_of(convert)(values)
    return made + made[-1:] * (size(len(made)) - len(made))


def _list_of(convert: Convert | None) -> Callable[[Any], list[Any]]:
    def converted(values: Any) -> list[Any]:
        made = [convert(value) for value in values] if convert else list(values)
        if len(made) > LONGEST_LIST:
            raise ValueError(f"a list of {len(made)} values; at most {LONGEST_LIST} go into one query")
        return made

    return converted


def _integer(low: int, high: int) -> Convert:
    def bounded(value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is not an integer")
        if low <= value <= high:
            return value
        raise Invalid(f"An integer is outside {low} to {high}.")

    return bounded


def _fixed(bind: BindParameter[Any], convert: Convert | None, *, spread: bool) -> Any:
    """A value written in the statement itself."""
    if spread:
        return _list_of(convert)(bind.value)
    return convert(bind.value) if convert else bind.value
