"""The rules that let the previous release run on today's tables, checked on every revision without running it.

A revision *expands*: it adds what the next release needs, and the previous release does not notice. What no release
uses any more is dropped later, by a revision that *contracts* and says so:

    contract = True
    contracts = "0007"  # the revision since which nothing uses what is dropped here

Nothing may lock a table for long either, so indexes are built concurrently and constraints are added NOT VALID.
A table that the revision itself creates has no rows and no users: anything goes there. What a rule cannot see,
raw SQL, needs its reason beside it:

    op.execute("update social_post set …")  # safe: a hundred rows at most
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic.operations import ops
from msgspec import Struct
from sqlalchemy import CheckConstraint, Column, ForeignKey

from septet.core.system import System
from septet.engines.database.recorder import Recorded, load_revision, record
from septet.engines.database.revisions import revision_files

_DIALECTS = ("postgresql", "sqlite")
_LITERAL = re.compile(r"(-?\d+(\.\d+)?|'[^']*'|true|false|null)", re.IGNORECASE)
_STILL_USED = "the previous release still uses it: drop it in a later revision with `contract = True`"
_MAY_BREAK = "the previous release may still write what this forbids: do it in a later revision with `contract = True`"
_HOW_TO_INDEX = (
    "building an index under a lock stops all writers: in a revision of its own, inside "
    "`with op.get_context().autocommit_block():`, call op.drop_index(…, if_exists=True, postgresql_concurrently=True), "
    "as a build that failed leaves a broken one, then op.create_index(…, postgresql_concurrently=True)"
)


class Fault(Struct, frozen=True):
    """A rule that a revision breaks, and where."""

    system: str
    revision: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.system} {self.revision}, line {self.line}: {self.detail}"


def lint(system: System) -> list[Fault]:
    """Every fault of the system's revisions, oldest first."""
    files = revision_files(system)
    found = [Fault(system.name, "folder", 1, why) for why in _strays(system, files)]
    earlier: list[str] = []
    for number, path in files.items():
        module = load_revision(path)
        faults = [*_of_line(module, number, earlier), *_of_contract(module, earlier), *_of_work(system, module)]
        found += [Fault(system.name, number, line, why) for line, why in dict.fromkeys(faults)]
        earlier.append(number)
    return found


def _strays(system: System, files: dict[str, Path]) -> Iterator[str]:
    there = set(system.migrations.glob("*.py")) if system.migrations else set()
    for path in sorted(there - set(files.values())):
        if path.name != "__init__.py":
            yield f"{path.name} is no revision, or its number is taken; they are named 0001_what_it_does.py"


def _of_line(module: ModuleType, number: str, earlier: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Revisions follow on each other in one line, which their file names tell."""
    before = earlier[-1] if earlier else None
    if int(number) != len(earlier) + 1:
        yield 1, f"the revision after {before} is numbered {len(earlier) + 1:04}"
    if getattr(module, "revision", "") != number:
        yield 1, f"`revision` must be the file's number, {number!r}"
    if getattr(module, "down_revision", "") != before:
        yield 1, f"`down_revision` must be the revision before it, {before!r}"
    for name in ("upgrade", "downgrade"):
        if not callable(getattr(module, name, None)):
            yield 1, f"it has no {name}()"


def _of_contract(module: ModuleType, earlier: Sequence[str]) -> Iterator[tuple[int, str]]:
    contract, contracts = getattr(module, "contract", False), getattr(module, "contracts", None)
    if contract and contracts not in earlier:
        yield 1, "a contract names in `contracts` the earlier revision since which nothing uses what it drops"
    if contracts and not contract:
        yield 1, "`contracts` is for a revision with `contract = True`"


def _of_work(system: System, module: ModuleType) -> Iterator[tuple[int, str]]:
    for dialect in _DIALECTS:
        try:
            recorded = record(module, dialect)
        except Exception as error:
            yield 1, f"upgrade() cannot be checked on {dialect}: {error}"
            continue
        yield from _of_operations(system, recorded, contract=getattr(module, "contract", False))


def _of_operations(system: System, recorded: Sequence[Recorded], *, contract: bool) -> Iterator[tuple[int, str]]:
    new: set[str | None] = set()
    built = {one.operation.index_name for one in recorded if isinstance(one.operation, ops.CreateIndexOp)}
    cleared: set[str | None] = set()  # indexes of which a broken build was removed
    alone = all(isinstance(one.operation, (ops.CreateIndexOp, ops.DropIndexOp)) for one in recorded)
    for one in recorded:
        operation = one.operation
        if isinstance(operation, ops.CreateTableOp):
            new.add(operation.table_name)
        for why in _of_names(system, one):
            yield one.line, why
        if isinstance(operation, ops.ExecuteSQLOp) and not one.explained:
            yield one.line, "raw SQL needs its reason beside it: `# safe: …`"
        if _table_of(operation) in new:
            continue
        if isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp)):
            if operation.index_name in built and isinstance(operation, ops.DropIndexOp) and operation.if_exists:
                cleared.add(operation.index_name)
            refusal = _of_index(one, cleared, contract=contract, alone=alone)
        else:
            refusal = _of_existing_table(operation, contract=contract)
        if refusal:
            yield one.line, refusal


def _of_existing_table(operation: ops.MigrateOperation, *, contract: bool) -> str | None:
    """Why the operation may not be done to a table that has rows and users; None if it may."""
    match operation:
        case ops.RenameTableOp():
            return "a table that is in use cannot be renamed: add the new one, copy, and drop the old one later"
        case ops.DropTableOp() | ops.DropColumnOp():
            return None if contract else _STILL_USED
        case ops.DropConstraintOp(constraint_type=kind) if kind not in ("check", "foreignkey"):
            return None if contract else _STILL_USED  # ON CONFLICT needs its unique constraint
        case ops.AddColumnOp():
            return _of_new_column(operation.column)
        case ops.AlterColumnOp():
            return _of_changed_column(operation, contract=contract)
        case ops.CreatePrimaryKeyOp():
            return "a primary key rewrites the table: add a new table, copy, and drop the old one later"
        case ops.CreateUniqueConstraintOp():
            return "it builds an index under a lock: create a unique index concurrently, in a contract"
        case ops.CreateForeignKeyOp() | ops.CreateCheckConstraintOp():
            if not operation.kw.get("postgresql_not_valid"):
                return "it reads all rows under a lock: postgresql_not_valid=True, and validate in a later revision"
    return None


def _of_new_column(column: Column[Any]) -> str | None:
    default = getattr(column.server_default, "arg", None)
    if column.computed is not None or column.identity is not None:
        return "a computed column rewrites the table under a lock: fill a plain one step by step"
    if column.server_default is None and not column.nullable:
        return "the previous release does not name it when inserting: make it nullable, or give it a server_default"
    if default is not None and not _LITERAL.fullmatch(f"'{default}'" if isinstance(default, str) else str(default)):
        return "a server_default that is computed rewrites the table under a lock: use a literal"
    if column.unique or column.index or column.primary_key or column.foreign_keys or column.constraints:
        return "add the column plain, then its index or constraint in a revision of its own"
    return None


def _of_changed_column(operation: ops.AlterColumnOp, *, contract: bool) -> str | None:
    if operation.modify_name is not None:
        return "a column that is in use cannot be renamed: add the new one, copy, and drop the old one later"
    if operation.modify_type is not None:
        return "another type rewrites the table and breaks running queries: add a new column, copy, drop the old later"
    if operation.modify_nullable is False and not contract:
        return (
            "the previous release may still write NULL: add a CHECK … NOT VALID, and SET NOT NULL in a later contract"
        )
    if operation.modify_server_default is None and not contract:
        return "the previous release may rely on the default: drop it in a later revision with `contract = True`"
    return None


def _of_index(one: Recorded, cleared: set[str | None], *, contract: bool, alone: bool) -> str | None:
    operation = one.operation
    assert isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp))
    concurrently = bool(operation.kw.get("postgresql_concurrently")) and one.autocommit and alone
    if isinstance(operation, ops.DropIndexOp):
        if not contract and operation.index_name not in cleared:
            return _STILL_USED
        return None if concurrently else _HOW_TO_INDEX
    if operation.unique and not contract:
        return _MAY_BREAK
    return None if concurrently and operation.index_name in cleared else _HOW_TO_INDEX


def _of_names(system: System, one: Recorded) -> Iterator[str]:
    """Systems share a database: each keeps to its own names, and points to nobody else's rows."""
    operation = one.operation
    prefix = f"{system.name}_"
    name = getattr(operation, "new_table_name", None) or _table_of(operation)
    if name is not None and not name.startswith(prefix):
        yield f"{name} is not a table of {system.name}, which begin with {prefix}"
    if isinstance(operation, ops.CreateIndexOp) and not (operation.index_name or "").startswith(prefix):
        yield f"the index {operation.index_name} must begin with {prefix}: indexes share their names with all systems"
    for target in _targets(one):
        if not target.startswith(prefix):
            yield f"a foreign key points to {target}: none may cross to another system"
    if _has_unnamed_check(one):
        yield "a CHECK needs a name, or SQLite loses it when the table is rebuilt"


def _table_of(operation: ops.MigrateOperation) -> str | None:
    if isinstance(operation, ops.BulkInsertOp):
        return operation.table.name
    return getattr(operation, "source_table", None) or getattr(operation, "table_name", None)


def _targets(one: Recorded) -> Iterator[str]:
    """The tables that new foreign keys point to."""
    keys: set[ForeignKey] = one.table.foreign_keys if one.table is not None else set()
    match one.operation:
        case ops.CreateForeignKeyOp(referent_table=target):
            yield target
        case ops.AddColumnOp(column=column):
            keys = column.foreign_keys
    for key in keys:
        yield key.target_fullname.rpartition(".")[0]


def _has_unnamed_check(one: Recorded) -> bool:
    if isinstance(one.operation, ops.CreateCheckConstraintOp):
        return one.operation.constraint_name is None
    if one.table is None:
        return False
    constraints = chain(one.table.constraints, *(column.constraints for column in one.table.columns))
    return any(isinstance(item, CheckConstraint) and item.name is None for item in constraints)
