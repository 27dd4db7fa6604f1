"""The SQLAlchemy dialects that queries are compiled for: only their compilers are used, never their drivers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BinaryExpression, BindParameter, bindparam
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.interfaces import Dialect


class _ArraysForLists(PGCompiler_asyncpg):
    """`column IN (list)` as `column = ANY (array)`: one text, one prepared statement, whatever the list's length."""

    def visit_in_op_binary(self, binary: BinaryExpression[Any], operator: Any, **kw: Any) -> str:
        if not _is_list(binary):
            return str(self._generate_generic_binary(binary, " IN ", **kw))
        return f"{self.process(binary.left, **kw)} = ANY ({self._array(binary, **kw)})"

    def visit_not_in_op_binary(self, binary: BinaryExpression[Any], operator: Any, **kw: Any) -> str:
        if not _is_list(binary):
            return f"({self._generate_generic_binary(binary, ' NOT IN ', **kw)})"
        return f"({self.process(binary.left, **kw)} <> ALL ({self._array(binary, **kw)}))"

    def _array(self, binary: BinaryExpression[Any], **kw: Any) -> str:
        listed: Any = binary.right
        array = bindparam(
            listed.key, listed.value, type_=ARRAY(listed.type), unique=listed.unique, required=listed.required
        )
        return str(self.process(array, **kw))


def _is_list(binary: BinaryExpression[Any]) -> bool:
    return isinstance(binary.right, BindParameter) and binary.right.expanding


class _PostgreSQL(PGDialect_asyncpg):
    statement_compiler = _ArraysForLists
    supports_statement_cache = True


SQLITE: Dialect = SQLiteDialect(paramstyle="qmark")
POSTGRESQL: Dialect = _PostgreSQL()  # type: ignore[no-untyped-call]
