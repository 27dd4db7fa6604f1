"""A system whose revisions a test writes, one by one."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import textwrap
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import MetaData

from septet.core.system import System
from septet.engines.database import sqlite_path
from septet.settings import Settings


class Shop:
    """The system `shop`. Its revisions lie in `folder`."""

    def __init__(self, folder: Path, tables: MetaData | None = None) -> None:
        self.folder = folder / "migrations"
        self.folder.mkdir(parents=True)
        self.system = System(name="shop", summary="Sells.", modules=(), tables=tables, migrations=self.folder)

    def revise(self, up: str, down: str = "pass", marks: str = "") -> str:
        """Write the next revision and give its number."""
        number = len(list(self.folder.glob("*.py"))) + 1
        before = f'"{number - 1:04}"' if number > 1 else None
        text = "\n".join(
            (
                "from alembic import op",
                "from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, text",
                "from septet.core.columns import Id, Instant, Json, Text",
                f'revision = "{number:04}"',
                f"down_revision = {before}",
                marks,
                "def upgrade() -> None:",
                textwrap.indent(textwrap.dedent(up).strip(), "    "),
                "def downgrade() -> None:",
                textwrap.indent(textwrap.dedent(down).strip(), "    "),
            )
        )
        (self.folder / f"{number:04}_change.py").write_text(text)
        return f"{number:04}"


def ask(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements past the engine, each in a transaction of its own, and give the rows of the last one."""
    if not url.startswith("sqlite"):
        return asyncio.run(_ask_postgresql(url, statements))
    with contextlib.closing(sqlite3.connect(sqlite_path(url, Settings()), isolation_level=None)) as connection:
        connection.execute("pragma foreign_keys = on")
        return [connection.execute(statement).fetchall() for statement in statements][-1]


async def _ask_postgresql(url: str, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [list(map(tuple, await connection.fetch(statement))) for statement in statements][-1]
    finally:
        await connection.close()
