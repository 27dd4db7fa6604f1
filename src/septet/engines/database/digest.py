"""A digest of a table's rows that comes out the same on SQLite and PostgreSQL, whatever order the rows arrive in.

Every row is written in one canonical form (MessagePack of its values, columns by name), hashed with the names of its
table and columns, and the hashes are added up. So a table is read once, in any order, in little memory, and two tables
agree if and only if they hold the same rows the same number of times.

    shape = declared_shape(tables.tasks)
    digest_sqlite(connection, shape) == await digest_postgresql(connection, shape)

Whoever calls holds the transaction: `begin` on SQLite, REPEATABLE READ on PostgreSQL, so that the digests of several
tables are of one moment. Who has rows in hand anyway, as the driver gives them, adds them to a `Digest` as they pass.

It finds what was lost, doubled or damaged. It is no signature: who may write the rows may write their digest.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Table

from septet.core import columns

if TYPE_CHECKING:
    import sqlite3

    import asyncpg

_BYTES = 16  # of a row's hash, and of their sum
_ROWS_AT_ONCE = 1000  # that are in memory
_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Kind(StrEnum):
    """What a column holds, which says how a driver's value becomes the canonical one."""

    ID = "id"
    INSTANT = "instant"
    JSON = "json"
    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    FLOAT = "float"
    BYTES = "bytes"
    STORED = "stored"  # of a column that nothing declares: as its database has it, not to be compared with the other


class Shape(Struct, frozen=True):
    """A table's name, and its columns with what they hold. It can be kept as JSON beside the digest."""

    table: str
    columns: Mapping[str, Kind]

    @property
    def names(self) -> list[str]:
        """The columns in the order in which rows are to be read."""
        return sorted(self.columns)


class TableDigest(Struct, frozen=True):
    """The rows of `table`: how many, and their digest, 32 hexadecimal digits."""

    table: str
    rows: int
    digest: str


class Digest:
    """Takes rows as the driver of `dialect` gives them, with the columns in the order of `shape.names`."""

    def __init__(self, shape: Shape, dialect: str) -> None:
        self._table = shape.table
        self._start = blake2b(_encode([shape.table, shape.names]), digest_size=_BYTES)
        of_dialect = _FROM_SQLITE if dialect == "sqlite" else _FROM_POSTGRESQL
        kinds = [shape.columns[name] for name in shape.names]
        self._converted = [(place, of_dialect[kind]) for place, kind in enumerate(kinds) if kind in of_dialect]
        self._rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            values = list(row)
            for place, convert in self._converted:
                if values[place] is not None:
                    values[place] = convert(values[place])
            hashing = self._start.copy()
            hashing.update(_encode(values))
            self._sum += int.from_bytes(hashing.digest(), "big")
            self._rows += 1

    def result(self) -> TableDigest:
        total = self._sum % (1 << 8 * _BYTES)
        return TableDigest(self._table, self._rows, f"{total:0{2 * _BYTES}x}")


def declared_shape(table: Table) -> Shape:
    """The shape of a table as its system declares it. Raises TypeError for a type that cannot be compared."""
    return Shape(str(table.name), {str(column.name): kind_of(column) for column in table.columns})


def kind_of(column: Column[Any]) -> Kind:
    for declared, kind in _KINDS:
        if isinstance(column.type, declared):
            return kind
    raise TypeError(f"{column.table.name}.{column.name}: {column.type!r} has no canonical form yet")


def digest_sqlite(connection: sqlite3.Connection, shape: Shape) -> TableDigest:
    """Of the rows that the connection's transaction sees. Raises sqlite3.Error where they cannot be read."""
    digest = Digest(shape, "sqlite")
    rows = connection.execute(select_rows(shape, "sqlite"))
    while found := rows.fetchmany(_ROWS_AT_ONCE):
        digest.add(found)
    return digest.result()


async def digest_postgresql(connection: asyncpg.Connection, shape: Shape) -> TableDigest:
    """The same, by a cursor within the connection's transaction, which sees one moment if it is REPEATABLE READ."""
    digest = Digest(shape, "postgresql")
    cursor = await connection.cursor(select_rows(shape, "postgresql"))
    while found := await cursor.fetch(_ROWS_AT_ONCE):
        digest.add(found)
    return digest.result()


def select_rows(shape: Shape, dialect: str) -> str:
    """The statement that reads the table's rows, their columns as `Digest` takes them."""
    names = [quoted(name) for name in shape.names]
    if dialect == "postgresql":
        kinds = [shape.columns[name] for name in shape.names]
        names = [f"{name}::text" if kind is Kind.STORED else name for name, kind in zip(names, kinds, strict=True)]
    # Names are quoted, and come from our tables or from a manifest whose every name the database has been asked for.
    return f"select {', '.join(names)} from {quoted(shape.table)}"  # noqa: S608


def canonical_json(document: str | bytes) -> bytes:
    """The same bytes for equal documents: keys sorted, and numbers by their value, for jsonb writes 1e2 as 100."""
    return _encode(json.loads(document, parse_float=_number, parse_int=_number, parse_constant=_refuse))


def _number(text: str) -> bytes:
    """Exactly the value, as bytes, which JSON itself does not have. PostgreSQL knows no negative zero."""
    value = Decimal(text)
    return str(value.normalize(_EXACTLY)).encode() if value else b"0"


def _refuse(constant: str) -> bytes:
    raise ValueError(f"{constant} is not JSON")


def quoted(name: str) -> str:
    """The name as it stands in a statement, on both databases."""
    return '"' + name.replace('"', '""') + '"'


_KINDS: tuple[tuple[type, Kind], ...] = (
    (columns.Id, Kind.ID),
    (columns.Instant, Kind.INSTANT),
    (columns.Json, Kind.JSON),
    (columns.Text, Kind.TEXT),
    (String, Kind.TEXT),
    (Boolean, Kind.BOOLEAN),
    (Integer, Kind.INTEGER),
    (Float, Kind.FLOAT),
    (LargeBinary, Kind.BYTES),
)

# From what the driver gives to plain bytes, integers, text; kinds that are not here are canonical as they come.
_FROM_SQLITE: dict[Kind, Callable[[Any], Any]] = {Kind.JSON: canonical_json, Kind.BOOLEAN: bool, Kind.FLOAT: float}
_FROM_POSTGRESQL: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: operator.attrgetter("bytes"),
    Kind.INSTANT: columns.to_microseconds,
    Kind.JSON: canonical_json,
}
