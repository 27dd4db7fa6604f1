"""Databases for tests: empty ones, and engines opened on them."""

from septet.testing.databases import new_postgresql_database, new_sqlite_database, opened

__all__ = ["new_postgresql_database", "new_sqlite_database", "opened"]
