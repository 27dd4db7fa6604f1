"""The digest of a table: the same on both databases for the same rows, and another for any other rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Column, Integer, MetaData, Table

from septet.core.columns import Id
from septet.core.database import Transaction
from septet.core.floor import FLOOR
from septet.engines.database import sqlite_path
from septet.engines.database.digest import (
    Digest,
    Kind,
    Shape,
    TableDigest,
    canonical_json,
    declared_shape,
    digest_postgresql,
    digest_sqlite,
)
from septet.settings import Settings
from septet.systems import load_cards
from support import things
from support.databases import new_postgresql_database, new_sqlite_database, opened
from support.postgres import PostgresServer
from support.sql import create_tables, execute

SHAPE = declared_shape(things.things)
AT = datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=timezone(timedelta(hours=2)))
ROW: dict[str, Any] = {
    "id": UUID(int=1),
    "name": "Größe \U0001f600",
    "colour": None,
    "shape": things.Shape(3, "a\n"),
    "at": AT,
    "small": -7,
    "large": 2**53,
    "weight": 2.0,
    "done": True,
    "blob": b"\0\xff",
}
NUMBERS = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture
def both(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    """A SQLite and a PostgreSQL database with the same empty tables."""
    with new_postgresql_database(postgres_server) as postgresql:
        urls = new_sqlite_database(tmp_path), postgresql
        for url in urls:
            create_tables(url, things.metadata)
        yield urls


async def insert(url: str, *rows: dict[str, Any]) -> None:
    async def work(tx: Transaction) -> None:
        for row in rows:
            await tx.one(things.insert_thing, **row)

    async with opened(url) as database:
        await database.write(work)


async def digest(url: str, shape: Shape = SHAPE) -> TableDigest:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(sqlite_path(url, Settings()))) as connection:
            return digest_sqlite(connection, shape)
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await digest_postgresql(connection, shape)
    finally:
        await connection.close()


def some_rows(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "id": UUID(int=n), "name": f"thing {n}", "at": AT + timedelta(days=n)} for n in range(count)]


async def test_the_same_rows_in_another_order_have_the_same_digest_on_both(both: tuple[str, str]) -> None:
    sqlite, postgresql = both
    assert await digest(sqlite) == await digest(postgresql) == TableDigest("thing", 0, "0" * 32)
    await insert(sqlite, ROW, *some_rows(2500)[2:])  # more than are read at once
    await insert(postgresql, *reversed(some_rows(2500)[2:]), ROW)
    found = await digest(sqlite)
    assert found == await digest(postgresql)
    assert (found.table, found.rows, len(found.digest)) == ("thing", 2499, 32)
    execute(postgresql, "update thing set small = 8 where name = 'thing 700'")
    assert (await digest(postgresql)).digest != found.digest


@pytest.mark.parametrize(
    "change",
    [
        {"id": UUID(int=2)},
        {"name": "Größe"},
        {"colour": things.Colour.RED},
        {"shape": things.Shape(3, "b")},
        {"shape": None},
        {"at": AT + timedelta(microseconds=1)},
        {"small": -8},
        {"large": 2**53 + 1},
        {"weight": 2.0000000000000004},
        {"done": False},
        {"blob": b"\0"},
        {"blob": None},
    ],
)
async def test_any_other_value_has_another(database_url: str, tmp_path: Path, change: dict[str, Any]) -> None:
    create_tables(database_url, things.metadata)
    await insert(database_url, ROW)
    before = await digest(database_url)
    execute(database_url, "delete from thing")
    await insert(database_url, {**ROW, **change})
    after = await digest(database_url)
    assert (after.rows, after.digest != before.digest) == (1, True)


@settings(max_examples=40, deadline=None)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=20))
def test_documents_are_equal_whoever_wrote_them(documents: list[Any], postgres_server: PostgresServer) -> None:
    async def as_jsonb() -> list[str]:
        connection = await asyncpg.connect(postgres_server.url())
        try:
            return [await connection.fetchval("select $1::jsonb::text", text) for text in texts]
        finally:
            await connection.close()

    texts = [msgspec.json.encode(document).decode() for document in documents]
    theirs = asyncio.run(as_jsonb())
    assert [canonical_json(text) for text in texts] == [canonical_json(text) for text in theirs]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ("1e2", "100", True),
        ("1.50", "1.5", True),
        ("-0.0", "0", True),
        ("18446744073709551617", "18446744073709551618", False),
        ("0.1", "0.10000000000000001", False),
        ("1", '"1"', False),
        ("[1, 2]", "[2, 1]", False),
        ("1e400000", "1e400001", False),
    ],
)
def test_documents_are_compared_by_value(one: str, other: str, equal: bool) -> None:
    assert (canonical_json(one) == canonical_json(other)) is equal


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN is not JSON"):
        canonical_json("[NaN]")


def test_doubled_rows_are_noticed() -> None:
    """A sum by exclusive or would cancel them out."""
    shape = Shape("t", {"a": Kind.INTEGER})
    twice = Digest(shape, "sqlite")
    twice.add([(1,), (1,)])
    assert twice.result().digest not in {"0" * 32, _digest_of(shape, (1,))}
    other_name = Shape("t", {"b": Kind.INTEGER})
    assert _digest_of(other_name, (1,)) != _digest_of(shape, (1,))


def _digest_of(shape: Shape, *rows: tuple[Any, ...]) -> str:
    digest = Digest(shape, "sqlite")
    digest.add(rows)
    return digest.result().digest


async def test_undeclared_columns_are_read_as_stored(database_url: str) -> None:
    execute(database_url, "create table strange (a bigint, b text)", "insert into strange values (1, 'x')")
    shape = Shape("strange", {"a": Kind.STORED, "b": Kind.STORED})
    before = await digest(database_url, shape)
    execute(database_url, "update strange set a = 2")
    assert (await digest(database_url, shape)).digest != before.digest


def test_every_declared_table_has_a_shape() -> None:
    for card in [FLOOR, *load_cards(())]:
        for table in card.tables.sorted_tables if card.tables is not None else ():
            assert declared_shape(table).names == sorted(column.name for column in table.columns)


def test_a_type_without_a_canonical_form_is_refused() -> None:
    table = Table("odd", MetaData(), Column("id", Id), Column("list", ARRAY(Integer)))
    with pytest.raises(TypeError, match=r"odd\.list"):
        declared_shape(table)
