"""A query compiled once for one database: its SQL text, how its values are bound, how its rows become Structs.

SQLAlchemy writes the SQL and is done; at run time the bare driver executes it. What would go wrong silently
there is refused here, at start: parameters without a type, defaults that Python should fill in, columns that are
not the Struct's fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from sqlalchemy import ClauseElement
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler

from septet.core.database import Query
from septet.engines.database.binding import Parameters
from septet.engines.database.rows import Makers


class Plan:
    """One query as one database runs it."""

    __slots__ = ("_sizes", "_texts", "bind", "lists", "make", "make_many", "name", "sql")

    def __init__(self, query: Query, dialect: Dialect) -> None:
        compiled = cast(ClauseElement, query.statement).compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("it is no SELECT, INSERT, UPDATE or DELETE")
        _refuse_what_is_silent(compiled)
        parameters = Parameters(compiled, dialect)
        self.name = query.name
        self.bind = parameters.binder(query.name)
        self.sql = _spread(str(compiled), parameters.fixed_lists)
        self.lists = tuple(parameters.lists)
        self._sizes = parameters.sizer()
        self._texts: dict[tuple[Any, ...], str] = {}
        makers = Makers(query.statement, query.into, dialect) if query.into is not None else None
        self.make: Callable[..., Any] = makers.one if makers else _gives_no_rows
        self.make_many: Callable[[Iterable[Any]], list[Any]] = makers.many if makers else _gives_no_rows

    def text(self, values: Mapping[str, Any]) -> str:
        """The SQL for these values: lists of other sizes have other texts on SQLite, one for each power of two."""
        if not self.lists:
            return self.sql
        sizes = self._sizes(**values)
        text = self._texts.get(sizes)
        if text is None:
            text = self._texts[sizes] = _spread(self.sql, dict(zip(self.lists, sizes, strict=True)))
        return text


class Plans(dict[Query, Plan]):
    """The plans of all queries that were met; a new one is compiled when it is first asked for."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def __missing__(self, query: Query) -> Plan:
        try:
            plan = self[query] = Plan(query, self._dialect)
        except (TypeError, SQLAlchemyError) as error:
            raise TypeError(f"{query.name}: {error}") from error
        return plan

    def compile(self, queries: Iterable[Query]) -> None:
        for query in queries:
            self[query]


def _refuse_what_is_silent(compiled: SQLCompiler) -> None:
    if compiled.literal_execute_params:
        raise TypeError("parameters that are written into the text are not supported (literal_execute)")
    filled_in = compiled.insert_prefetch if compiled.isinsert else compiled.update_prefetch if compiled.isupdate else ()
    if filled_in:
        names = ", ".join(column.key for column in filled_in)
        raise TypeError(f"Python would fill in {names}, so the database would get NULL: pass the value")


def _spread(sql: str, sizes: Mapping[str, int]) -> str:
    for name, length in sizes.items():
        sql = sql.replace(f"__[POSTCOMPILE_{name}]", ",".join("?" * length))
    return sql


def _gives_no_rows(*row: Any) -> Any:
    raise TypeError("run(…) gives no rows")
