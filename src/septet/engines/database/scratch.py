"""A database to try revisions in: whether they arrive at the declared tables, and what the next one must do.

Used while developing, by `septet migrate check` and `septet migrate new`, and by tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from sqlalchemy import Connection, inspect

from septet.core.system import System
from septet.engines.database.alembic_steps import changes_since, differences
from septet.engines.database.migrations import BASE, migrate_down, migrate_up, open_store
from septet.engines.database.revisions import MigrationError, revision_files, version_table

_COLUMN_TYPES = "septet.core.columns"
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


@asynccontextmanager
async def scratch_file() -> AsyncIterator[str]:
    """The URL of a SQLite file that is not there yet and will not stay."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/scratch.db"


async def faults_of_tables(url: str, systems: Sequence[System]) -> list[str]:
    """Migrate the empty database at `url` up, down and up again, and tell what is not as it should be.

    It is empty again afterwards. Raises MigrationError if it was not empty before, or a revision fails.
    """
    migrated = [system for system in systems if system.migrations is not None]
    store = open_store(url)
    if await store.versions([system.name for system in migrated]) is not None:
        raise MigrationError("this needs an empty database, and there are tables of Septet's in this one")
    await migrate_up(url, migrated)
    async with store.exclusive() as turn:
        found = await turn.change(lambda connection: _differences(connection, migrated))
    await migrate_down(url, migrated, to=BASE)
    async with store.exclusive() as turn:
        found += await turn.change(lambda connection: _left_behind(connection, migrated))
    await migrate_up(url, migrated)
    await migrate_down(url, migrated, to=BASE)
    async with store.exclusive() as turn:
        await turn.change(lambda connection: _forget_versions(connection, migrated))
    return found


@asynccontextmanager
async def with_tables(url: str, systems: Sequence[System]) -> AsyncIterator[None]:
    """The empty database at `url` has the tables of `systems` meanwhile, and is empty again afterwards."""
    migrated = [system for system in systems if system.migrations is not None]
    await migrate_up(url, migrated)
    try:
        yield
    finally:
        await migrate_down(url, migrated, to=BASE)
        async with open_store(url).exclusive() as turn:
            await turn.change(lambda connection: _forget_versions(connection, migrated))


async def write_next_revision(system: System, message: str) -> Path | None:
    """Write what is missing between the system's revisions and its tables as its next revision; None if nothing is.

    Raises MigrationError for a message that makes no file name.
    """
    slug = "_".join(re.findall(r"[a-z0-9]+", message.lower()))
    if not slug or system.migrations is None:
        raise MigrationError("say in a few words what the revision does; the system's card names its `migrations`")
    system.migrations.mkdir(exist_ok=True)
    async with scratch_file() as url:
        await migrate_up(url, [system])
        async with open_store(url).exclusive() as turn:
            changes = await turn.change(lambda connection: changes_since(connection, system))
    if changes.upgrade_ops is None or changes.upgrade_ops.is_empty():
        return None
    known = list(revision_files(system))
    number = f"{len(known) + 1:04}"
    path = system.migrations / f"{number}_{slug[:60]}.py"
    path.write_text(_source(changes, message, number, known[-1] if known else None))
    _format(path)
    return path


def _differences(connection: Connection, systems: Sequence[System]) -> list[str]:
    return [f"{system.name}: {text}" for system in systems for text in differences(connection, system)]


def _left_behind(connection: Connection, systems: Sequence[System]) -> list[str]:
    tables = inspect(connection).get_table_names()
    return [
        f"{system.name}: downgrade() leaves {table}"
        for system in systems
        for table in tables
        if table.startswith(f"{system.name}_") and table != version_table(system.name)
    ]


def _forget_versions(connection: Connection, systems: Sequence[System]) -> None:
    with connection.begin():
        for system in systems:
            connection.exec_driver_sql(f"drop table if exists {version_table(system.name)}")


def _source(changes: MigrationScript, message: str, number: str, before: str | None) -> str:
    """The revision's text, in the style of those written by hand."""
    assert changes.upgrade_ops is not None
    assert changes.downgrade_ops is not None
    types: set[str] = set()

    def render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
        if kind != "type" or type(item).__module__ != _COLUMN_TYPES:
            return False
        types.add(type(item).__name__)
        return type(item).__name__

    up, down = (
        render_python_code(way, render_as_batch=True, render_item=render)
        for way in (changes.upgrade_ops, changes.downgrade_ops)
    )
    ours = f"\nfrom {_COLUMN_TYPES} import {', '.join(sorted(types))}\n" if types else ""
    title = message[:1].upper() + message[1:].rstrip(".")
    return f'''"""{title}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
{ours}
revision = "{number}"
down_revision = {f'"{before}"' if before else None}


def upgrade() -> None:
    {_bare(up)}


def downgrade() -> None:
    {_bare(down)}
'''


def _bare(code: str) -> str:
    """Alembic's code without its remarks, which say that a person should look: the command says it."""
    lines = [line for line in code.splitlines() if not line.strip().startswith("#")]
    text = "\n".join(lines).replace(", schema=None)", ")").strip()
    return _LITERAL.sub(lambda literal: _double_quoted(literal[0]), text)


def _double_quoted(literal: str) -> str:
    """The same string in double quotes, unless what is in it would have to change with them."""
    return literal if '"' in literal or "\\" in literal else f'"{literal[1:-1]}"'


def _format(path: Path) -> None:
    """As this project formats its files, where its formatter is installed."""
    # -P: not a ruff.py of the current folder
    command = [sys.executable, "-P", "-m", "ruff", "format", "--quiet", "--line-length", "120", str(path)]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603 — our own words and a path
