"""How the database in use would run a query: its SQL, and the plan that the database makes for it now.

Nothing is run. Parameters are left open, so the plan is the one for any values, as a prepared statement has it.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from septet.core.database import Query
from septet.core.errors import Unavailable
from septet.engines.database import sqlite_path
from septet.engines.database.compile import Plan, Plans
from septet.engines.database.dialects import POSTGRESQL, SQLITE
from septet.settings import Settings

_LIST_LENGTH = 4  # of a list whose length the text depends on; any will do
Ask = Callable[[str], Awaitable[list[str]]]


class Explained(Struct, frozen=True):
    """A query as one database runs it. `plan` is as the database words it, a step a line."""

    name: str
    sql: str
    plan: list[str]


async def explain_queries(url: str, settings: Settings, queries: Iterable[Query]) -> list[Explained]:
    """Each query with its SQL and its plan on the database at `url`. Raises Unavailable if it cannot be asked."""
    sqlite = url.startswith("sqlite")
    opened = _opened_sqlite(sqlite_path(url, settings)) if sqlite else _opened_postgresql(url, settings)
    plans = Plans(SQLITE if sqlite else POSTGRESQL)
    async with opened as ask:
        return [Explained(query.name, _shown(plans[query]), await ask(_text(plans[query]))) for query in queries]


def _text(plan: Plan) -> str:
    return _with_lists(plan, ",".join("?" * _LIST_LENGTH))


def _shown(plan: Plan) -> str:
    return _with_lists(plan, "?, …")


def _with_lists(plan: Plan, filling: str) -> str:
    sql = plan.sql
    for name in plan.lists:
        sql = sql.replace(f"__[POSTCOMPILE_{name}]", filling)
    return sql


@asynccontextmanager
async def _opened_sqlite(path: Path) -> AsyncIterator[Ask]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:

            async def ask(sql: str) -> list[str]:
                found = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
                return _indented(found)

            yield ask
    except sqlite3.Error as error:
        raise Unavailable(f"The database cannot be asked for its plans: {error}.") from error


def _indented(rows: list[tuple[int, int, int, str]]) -> list[str]:
    """SQLite's steps, each below the one that it is part of."""
    depths = {0: -1}
    for number, parent, _, _ in rows:
        depths[number] = depths.get(parent, -1) + 1
    return [f"{'  ' * depths[number]}{step}" for number, _, _, step in rows]


@asynccontextmanager
async def _opened_postgresql(url: str, settings: Settings) -> AsyncIterator[Ask]:
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=settings.database_timeout, statement_cache_size=0)
        try:
            async with connection.transaction(readonly=True):
                await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
                yield lambda sql: _ask_postgresql(connection, sql)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"The database cannot be asked for its plans: {error}.") from error


async def _ask_postgresql(connection: Any, sql: str) -> list[str]:
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    nulls = f"({', '.join(['NULL'] * count)})" if count else ""
    await connection.execute(f"PREPARE septet_explained AS {sql}")
    rows = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE septet_explained{nulls}")
    await connection.execute("DEALLOCATE septet_explained")
    return [row[0] for row in rows]
