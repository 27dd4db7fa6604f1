"""The PostgreSQL database that a move goes into: made ready, or found as an earlier attempt left it.

The table `septet_move` is in it until the move is done; with that there, no server starts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from septet.core.system import System
from septet.engines.database import backup_postgresql
from septet.engines.database.digest import quoted
from septet.engines.database.migrations import migrate_up
from septet.engines.database.moved import moved_mark, moved_to
from septet.engines.database.revisions import MOVE_STATE, MigrationError, Standing, standing, version_table

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy import Table

_FOREIGN_KEYS = """
    select conrelid::regclass::text as of, conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace
"""
_TABLES = """
    select relname::text from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by 1
"""
Tell = Callable[[str], None]


class ForeignKey(Struct, frozen=True):
    """A foreign key of the target, taken off while rows arrive in any order, and put back, checked, at the end."""

    of: str
    name: str
    definition: str


async def prepare_target(
    target: asyncpg.Connection, path: Path, url: str, systems: Sequence[System], tables: Sequence[Table], tell: Tell
) -> list[ForeignKey]:
    """Make the target ready, or find it as an earlier attempt left it; the foreign keys that were taken off.

    Raises MigrationError if it holds rows, if it is another move's or a later release's, or if the source was moved.
    """
    if await target.fetchval("select to_regclass($1)", MOVE_STATE) is None:
        if (where := moved_to(path)) is not None:
            raise MigrationError(f"{path} was moved to {where} already: to move it again, delete {moved_mark(path)}")
        return await _begin(target, path, url, systems, tables)
    source, kept = await target.fetchrow(f"select source, foreign_keys from {MOVE_STATE}")  # noqa: S608
    if source != str(path):
        raise MigrationError(f"another move into this database was begun, from {source}: finish that one")
    standings = [await _standing(target, system) for system in systems if system.migrations is not None]
    if newer := [found.system for found in standings if found.is_newer]:
        raise MigrationError(f"a later release began this move ({', '.join(newer)}): finish it with that one")
    if any(found.missing for found in standings):
        tell("An earlier release began this move: what it brought over is dropped, and brought anew.")
        await backup_postgresql.drop(target, await _left_by(target, systems))
        return await _begin(target, path, url, systems, tables)
    return msgspec.json.decode(kept, type=list[ForeignKey])


async def _begin(
    target: asyncpg.Connection, path: Path, url: str, systems: Sequence[System], tables: Sequence[Table]
) -> list[ForeignKey]:
    await migrate_up(url, systems)
    for table in tables:
        if await target.fetchval(f'select exists (select from "{table.name}")'):  # noqa: S608 - our names
            raise MigrationError(f"the target is not empty: {table.name} has rows. Name an empty database")
    async with target.transaction():
        found = [ForeignKey(*row) for row in await target.fetch(_FOREIGN_KEYS)]
        await target.execute(f"create table {MOVE_STATE} (source text not null, foreign_keys text not null)")
        kept = msgspec.json.encode(found).decode()
        await target.execute(f"insert into {MOVE_STATE} values ($1, $2)", str(path), kept)  # noqa: S608
        for each in found:
            await target.execute(f'alter table {each.of} drop constraint "{each.name}"')
    return found


async def _standing(target: asyncpg.Connection, system: System) -> Standing:
    """As far as the earlier attempt brought the target's tables."""
    table = quoted(version_table(system.name))
    there = await target.fetchval("select to_regclass($1)", table) is not None
    current = await target.fetchval(f"select version_num from {table}") if there else None  # noqa: S608 - our names
    return standing(system, current)


async def _left_by(target: asyncpg.Connection, systems: Sequence[System]) -> list[str]:
    """All tables that bear the name of a system, with those that only the earlier release declares."""
    names = [row[0] for row in await target.fetch(_TABLES)]
    ours = tuple(f"{system.name}_" for system in systems)
    return [name for name in names if name == MOVE_STATE or name.startswith(ours)]
