"""What all tests share: async tests run by themselves, and every test of data runs on both databases."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from support.databases import opened
from support.entering import Entering
from support.valkey import ValkeyServer

pytest_plugins = ["septet.testing.plugin"]  # async tests, postgres_server and database_url


@pytest.fixture(autouse=True, scope="session")
def _settings_of_nobody() -> Iterator[None]:
    """What whoever runs the tests has set is nothing to a test, nor to a process that it starts."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("SEPTET_")]:
            patched.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command sets up the logs of its whole process; in a test that ends with the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**{**how, "cache_logger_on_first_use": False}))
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def database(database_url: str) -> Entering:
    """An engine opened on an empty database; an async test receives it started, as a core.database.Database."""
    return Entering(opened(database_url))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey of this test process, started when it is first asked for."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """The URL of an empty Valkey."""
    valkey_server.empty()
    return valkey_server.url
