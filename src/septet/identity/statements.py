"""Statements that many queries of identity begin as."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, Table, bindparam, delete, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import Delete


def insert_row(table: Table) -> Insert:
    """Insert a row, each column's value under the column's name."""
    return insert(table).values({column.key: bindparam(column.key) for column in table.columns})


def delete_some(table: Table, *which: ColumnElement[bool]) -> Delete:
    """Delete at most `most` rows, so that a sweep holds its locks for a moment only."""
    (key,) = table.primary_key.columns
    return delete(table).where(key.in_(select(key).where(*which).limit(bindparam("most", type_=Integer))))
