"""Statements run past the engines, to prepare a test or to see what it left."""

from septet.testing.sql import create_tables, execute

__all__ = ["create_tables", "execute"]
