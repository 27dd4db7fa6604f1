"""Runs a revision against no database at all, and writes down what it would do."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from alembic.operations import BatchOperations, Operations
from alembic.operations.ops import CreateTableOp, MigrateOperation
from alembic.runtime.migration import MigrationContext
from msgspec import Struct
from sqlalchemy import Table
from sqlalchemy.engine import make_url

_REASON = re.compile(r"# safe: \S")


class Recorded(Struct, frozen=True):
    """One operation. `explained`: its statement carries a `# safe:` comment; `autocommit`: in no transaction."""

    operation: MigrateOperation
    table: Table | None  # that it creates
    line: int
    autocommit: bool
    explained: bool


class Unrecordable(Exception):
    """The revision asks something that only a database could answer."""


def load_revision(path: Path) -> ModuleType:
    """The module of a revision, loaded anew: its file's name is no name that `import` takes."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(module: ModuleType, dialect: str) -> list[Recorded]:
    """What `upgrade()` does on `dialect`. Raises Unrecordable, or whatever the revision raises."""
    recorder = _Recorder(_Context(dialect), Path(str(module.__file__)))
    setattr(module, "op", recorder)
    module.upgrade()
    return recorder.recorded


class _Context(MigrationContext):
    """Knows its dialect, writes to nowhere, and remembers whether it is outside a transaction."""

    def __init__(self, dialect: str) -> None:
        super().__init__(
            make_url(f"{dialect}://").get_dialect()(), None, {"as_sql": True, "output_buffer": io.StringIO()}
        )
        self.is_autocommit = False

    @contextlib.contextmanager
    def autocommit_block(self) -> Iterator[None]:
        self.is_autocommit = True
        yield
        self.is_autocommit = False


class _Recorder(Operations):
    """Stands in for the revision's `op`."""

    def __init__(self, context: _Context, path: Path) -> None:
        super().__init__(context)
        self.recorded: list[Recorded] = []
        self._context = context
        self._path = path
        self._explained = _explained_lines(path)

    def invoke(self, operation: MigrateOperation) -> Any:
        table = operation.to_table(self._context) if isinstance(operation, CreateTableOp) else None
        line = self._line()
        self.recorded.append(Recorded(operation, table, line, self._context.is_autocommit, line in self._explained))
        return table

    @contextlib.contextmanager
    def batch_alter_table(self, table_name: str, *_: Any, **__: Any) -> Iterator[BatchOperations]:
        yield _Batch(self._context, table_name, self.invoke)

    def get_bind(self) -> Any:
        raise Unrecordable(
            "op.get_bind() cannot be checked: use op.execute with a reason, and op.get_context().dialect.name "
            "for what differs between databases"
        )

    def _line(self) -> int:
        """Where in the revision the operation was called."""
        frame = sys._getframe()
        while frame.f_code.co_filename != str(self._path):
            if frame.f_back is None:
                return 1
            frame = frame.f_back
        return frame.f_lineno


class _Batch(BatchOperations):
    """Stands in for the operations on one table, which SQLite may do by rebuilding it."""

    def __init__(self, context: _Context, table_name: str, invoke: Callable[[MigrateOperation], Any]) -> None:
        super().__init__(context, impl=SimpleNamespace(table_name=table_name, schema=None))  # type: ignore[arg-type]
        self._invoke = invoke

    def invoke(self, operation: MigrateOperation) -> Any:
        return self._invoke(operation)


def _explained_lines(path: Path) -> set[int]:
    """The lines of every simple statement that has a `# safe:` comment on one of its lines."""
    source = path.read_text()
    lines = source.splitlines()
    explained: set[int] = set()
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)):
            span = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            if any(_REASON.search(lines[number - 1]) for number in span):
                explained.update(span)
    return explained
