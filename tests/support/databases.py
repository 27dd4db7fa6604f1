"""Databases for tests: empty ones, and engines opened on them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from septet.core.database import Database
from septet.engines.database import open_database
from septet.settings import Settings
from support.postgres import PostgresServer
from support.sql import execute

_numbers = itertools.count(1)


@contextmanager
def new_postgresql_database(server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database on `server`, dropped at the end with all its connections."""
    name = f"test_{next(_numbers)}"
    execute(server.url(), f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY")
    try:
        yield server.url(name)
    finally:
        execute(server.url(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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
