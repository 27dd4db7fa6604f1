"""A real PostgreSQL for tests."""

from septet.testing.postgres import PostgresServer

__all__ = ["PostgresServer"]
