"""One table of a move: the rows of a SQLite table, brought into the table of the same name on PostgreSQL.

Both are walked by primary key, a stretch at a time, and only what differs is written. So it begins, goes on after it
was cut off, and catches up with what was written meanwhile, all in the same way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Table

from septet.core.columns import from_microseconds, uuid_from_bytes
from septet.engines.database.digest import Kind, canonical_json, declared_shape
from septet.engines.database.revisions import MigrationError

if TYPE_CHECKING:
    import asyncpg

_ROWS_AT_ONCE = 2000
Row = tuple[Any, ...]
Change = Callable[[Any, dict[Row, Row], dict[Row, Row]], Awaitable[int]]


class Copied(Struct, frozen=True):
    """What one walk through a table came to: rows seen in the source, and rows written or deleted in the target."""

    table: str
    rows: int
    changed: int


class MovingTable:
    """A table as it is declared, and how its rows are read on one database and written on the other."""

    def __init__(self, table: Table) -> None:
        shape = declared_shape(table)
        self.name = shape.table
        self.columns = shape.names
        self.keys = [str(column.name) for column in table.primary_key.columns]
        if not self.keys:
            raise MigrationError(f"the table {self.name} has no primary key, so its rows cannot be told apart")
        self._numbered = next((str(c.name) for c in table.columns if c.identity is not None), None)
        self._key_places = [self.columns.index(key) for key in self.keys]
        kinds = [shape.columns[name] for name in self.columns]
        self._convert = [(place, _TO_POSTGRESQL[kind]) for place, kind in enumerate(kinds) if kind in _TO_POSTGRESQL]
        self._documents = [place for place, kind in enumerate(kinds) if kind is Kind.JSON]

    async def delete_stale(self, source: sqlite3.Connection, target: asyncpg.Connection) -> Copied:
        """Delete what the source has not, or has otherwise, so that no value is held twice while rows are written."""
        if not await target.fetchval(f'select exists (select from "{self.name}")'):  # noqa: S608 - our names
            return Copied(self.name, 0, 0)
        return await self._walk(source, target, self._delete)

    async def insert_missing(self, source: sqlite3.Connection, target: asyncpg.Connection) -> Copied:
        """Write what the target has not. Nothing is stale, for `delete_stale` came before."""
        return await self._walk(source, target, self._insert)

    async def set_numbering(self, source: sqlite3.Connection, target: asyncpg.Connection) -> None:
        """Let the target number its rows on from where the source is."""
        if self._numbered is None:
            return
        last = source.execute("select seq from sqlite_sequence where name = ?", (self.name,)).fetchone()
        if last is not None and last[0] > 0:
            await target.execute(
                "select setval(pg_get_serial_sequence($1, $2), $3)", self.name, self._numbered, last[0]
            )

    async def _walk(self, source: sqlite3.Connection, target: asyncpg.Connection, change: Change) -> Copied:
        """Stretch by stretch, each a transaction of the target."""
        seen = changed = 0
        for low, rows, high in self._stretches(source):
            there = await target.fetch(*self._between(low, high))
            ours = {self._key_of(row): row for row in rows}
            theirs = {self._key_of(row): tuple(row) for row in there}
            changed += await change(target, ours, theirs)
            seen += len(rows)
        return Copied(self.name, seen, changed)

    async def _delete(self, target: asyncpg.Connection, ours: dict[Row, Row], theirs: dict[Row, Row]) -> int:
        stale = [key for key, row in theirs.items() if key not in ours or not self._same(ours[key], row)]
        if stale:
            where = " and ".join(f'"{key}" = ${number}' for number, key in enumerate(self.keys, 1))
            async with target.transaction():
                await target.executemany(f'delete from "{self.name}" where {where}', stale)  # noqa: S608 - our names
        return len(stale)

    async def _insert(self, target: asyncpg.Connection, ours: dict[Row, Row], theirs: dict[Row, Row]) -> int:
        missing = [row for key, row in ours.items() if key not in theirs]
        if missing:
            await target.copy_records_to_table(self.name, records=missing, columns=self.columns)
        return len(missing)

    def _stretches(self, source: sqlite3.Connection) -> Iterator[tuple[Row | None, list[Row], Row | None]]:
        """The source's rows by key, and the keys between which each stretch lies: (low, high], open at the ends."""
        listed, keys = _listed(self.columns), _listed(self.keys)
        beyond = f"where ({keys}) > ({', '.join('?' * len(self.keys))})"
        low: Row | None = None
        stored: Row = ()  # the key `low`, as SQLite has it
        while True:
            where, values = ("", ()) if low is None else (beyond, stored)
            statement = f'select {listed} from "{self.name}" {where} order by {keys} limit {_ROWS_AT_ONCE}'  # noqa: S608 - our names
            found = source.execute(statement, values).fetchall()
            rows = [self._converted(row) for row in found]
            full = len(rows) == _ROWS_AT_ONCE
            high = self._key_of(rows[-1]) if full else None
            yield low, rows, high
            if not full:
                return
            low, stored = high, self._key_of(found[-1])

    def _between(self, low: Row | None, high: Row | None) -> tuple[Any, ...]:
        """The statement that reads a stretch of the target, and its values."""
        keys, count = _listed(self.keys), len(self.keys)
        conditions: list[str] = []
        values: list[Any] = []
        for bound, sign in ((low, ">"), (high, "<=")):
            if bound is not None:
                places = ", ".join(f"${len(values) + number}" for number in range(1, count + 1))
                conditions.append(f"({keys}) {sign} ({places})")
                values += bound
        where = f"where {' and '.join(conditions)}" if conditions else ""
        return f'select {_listed(self.columns)} from "{self.name}" {where}', *values  # noqa: S608 - our names

    def _converted(self, row: Sequence[Any]) -> Row:
        values = list(row)
        for place, convert in self._convert:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)

    def _key_of(self, row: Sequence[Any]) -> Row:
        return tuple(row[place] for place in self._key_places)

    def _same(self, ours: Row, theirs: Row) -> bool:
        """Equal rows; two documents are equal if they say the same, however they are written."""
        if ours == theirs:
            return True
        if not self._documents:
            return False
        return self._with_plain_documents(ours) == self._with_plain_documents(theirs)

    def _with_plain_documents(self, row: Row) -> Row:
        values = list(row)
        for place in self._documents:
            if values[place] is not None:
                values[place] = canonical_json(values[place])
        return tuple(values)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


# From what SQLite gives to what asyncpg takes; kinds that are not here are the same on both.
_TO_POSTGRESQL: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: uuid_from_bytes,
    Kind.INSTANT: from_microseconds,
    Kind.BOOLEAN: bool,
    Kind.FLOAT: float,
}
