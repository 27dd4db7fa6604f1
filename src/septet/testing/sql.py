"""Statements run past the engines, to prepare a test or to see what it left."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.schema import CreateIndex, CreateTable

from septet.engines.database import sqlite_path
from septet.engines.database.dialects import POSTGRESQL, SQLITE
from septet.settings import Settings


def create_tables(url: str, *metadata: MetaData) -> None:
    """The tables as they are declared, without migrations."""
    dialect = SQLITE if url.startswith("sqlite") else POSTGRESQL
    statements = []
    for table in (table for each in metadata for table in each.sorted_tables):
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    execute(url, *statements)


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one after another, each in a transaction of its own. Gives the rows of the last."""
    if url.startswith("sqlite"):
        return _on_sqlite(url, statements)
    with ThreadPoolExecutor(1) as thread:  # where no event loop runs yet
        return thread.submit(lambda: asyncio.run(_on_postgresql(url, statements))).result()


def _on_sqlite(url: str, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    connection = sqlite3.connect(sqlite_path(url, Settings()), isolation_level=None)
    try:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    finally:
        connection.close()
    return rows


async def _on_postgresql(url: str, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            rows = [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()
    return rows
