"""Databases for tests: empty ones, and engines opened on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from septet.core.database import Database
from septet.engines.database import open_database
from septet.settings import Settings
from septet.testing.postgres import PostgresServer
from septet.testing.sql import execute

_END_ITS_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@contextmanager
def new_postgresql_database(server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database on `server`.

    Emptying one is ten times quicker than making one, so they are used again.
    """
    if server.empty_databases:
        name = server.empty_databases.pop()
    else:
        name = f"test_{next(server.numbers)}"
        execute(server.url(), f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY")
    yield server.url(name)
    execute(server.url(), _END_ITS_CONNECTIONS.format(name))
    execute(server.url(name), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    server.empty_databases.append(name)


def new_sqlite_database(folder: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:///{folder / 'test.db'}"


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[Database]:
    """The engine on `url`, started, and closed at the end."""
    database = open_database(url, Settings(**settings))
    await database.start()
    try:
        yield database
    finally:
        await database.close()
