"""What Alembic does for us: run one revision, and tell tables from what a system declares.

Alembic is used without its configuration file and its environment script: a folder of revisions and a version
table a system. Importing this module loads Alembic (about 0.15 s), so it is imported only where there is work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.operations import Operations
from alembic.operations.ops import AlterColumnOp, MigrationScript, ModifyTableOps, OpContainer
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Identity, MetaData, inspect

from septet.core.system import System
from septet.engines.database.revisions import version_table

_COMPARED = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"]


def scripts_of(system: System) -> ScriptDirectory:
    """The system's folder of revisions, each loaded anew."""
    assert system.migrations is not None
    return ScriptDirectory(system.migrations, version_locations=[system.migrations])


def run_revision(
    connection: Connection, system: System, revision: str, *, up: bool, before_commit: Callable[[Connection], None]
) -> None:
    """Run one revision and note it in the version table, in one transaction.

    A revision may leave that transaction with `autocommit_block`, for what cannot run in one.
    """
    scripts = scripts_of(system)
    script = scripts.get_revision(revision)
    context = _context(connection, system)
    with context.begin_transaction(), Operations.context(context):
        if up:
            script.module.upgrade()
        else:
            script.module.downgrade()
        context.stamp(scripts, revision if up else _before(script))
        before_commit(connection)


def differences(connection: Connection, system: System) -> list[str]:
    """How the tables of a fully migrated database differ from those that the system declares."""
    changes = changes_since(connection, system).upgrade_ops
    assert changes is not None
    return [*map(_in_words, changes.as_diffs()), *_collations(connection, _declared(system))]


def changes_since(connection: Connection, system: System) -> MigrationScript:
    """What a revision must do to bring the tables of a fully migrated database to those that the system declares."""
    script = produce_migrations(_context(connection, system), _declared(system))
    if connection.dialect.name == "sqlite":
        assert script.upgrade_ops is not None
        assert script.downgrade_ops is not None
        _forget_identities(script.upgrade_ops)
        script.upgrade_ops.reverse_into(script.downgrade_ops)
    return script


def _declared(system: System) -> MetaData:
    return system.tables if system.tables is not None else MetaData()


def _context(connection: Connection, system: System) -> MigrationContext:
    def is_own(name: str | None, kind: str, parents: Any) -> bool:
        is_table_of_ours = (name or "").startswith(f"{system.name}_") and name != version_table(system.name)
        return is_table_of_ours or kind != "table"

    options = {
        "version_table": version_table(system.name),
        "transactional_ddl": True,  # on SQLite too: see migrate_sqlite.py
        "include_name": is_own,
        "compare_server_default": True,
        "autogenerate_plugins": _COMPARED,
    }
    return MigrationContext.configure(connection, opts=options)


def _before(script: Script) -> str:
    down = script.down_revision
    return down if isinstance(down, str) else "base"


def _forget_identities(way: OpContainer) -> None:
    """SQLite numbers rows by itself and stores no identity, so every declared one looks missing there."""
    for operation in way.ops:
        if isinstance(operation, OpContainer):
            _forget_identities(operation)
        elif isinstance(operation, AlterColumnOp) and isinstance(operation.modify_server_default, Identity):
            operation.modify_server_default = False
    way.ops = [
        operation
        for operation in way.ops
        if not (isinstance(operation, ModifyTableOps) and not operation.ops)
        and not (isinstance(operation, AlterColumnOp) and not operation.has_changes())
    ]


def _in_words(change: Any) -> str:
    """One difference as Alembic tells it: a tuple, or a list of tuples for one column."""
    if isinstance(change, list):
        return "; ".join(_in_words(part) for part in change)
    return " ".join(str(part) for part in change if part is not None and not isinstance(part, dict))


def _collations(connection: Connection, declared: MetaData) -> Iterator[str]:
    """Text whose order differs from the declared one, which Alembic does not compare."""
    inspector = inspect(connection)
    for table in declared.sorted_tables:
        if not inspector.has_table(table.name):
            continue  # told already
        there = {column["name"]: column["type"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            wanted = getattr(column.type.dialect_impl(connection.dialect), "collation", None)
            if column.name in there and getattr(there[column.name], "collation", None) != wanted:
                yield f"{table.name}.{column.name}: its collation is not {wanted}"
