"""Dumping a PostgreSQL database while it is written, and putting a dump back, by PostgreSQL's own programs.

The dump and the digests of its tables are of one moment: a transaction of ours exports its snapshot, and pg_dump reads
by it. A dump is put back in one transaction of psql, so that killed at any moment it leaves what was there before or
all that is new; tables that were there are moved into a schema of their own by the same transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg

from septet.core.system import System
from septet.engines.database.digest import Shape, digest_postgresql, quoted
from septet.engines.database.manifest import (
    ArchiveError,
    Content,
    found_shapes,
    kept,
    missing_tables,
    other_rows,
    version_tables,
)
from septet.engines.database.migrate_postgresql import PostgresqlStore
from septet.engines.database.postgresql_programs import Programs
from septet.engines.database.revisions import MOVE_STATE, version_table

ASIDE = "before_restore_"  # how the schemas of former tables begin; they are in no dump
_TABLES = """
    select relname::text from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by 1
"""
_COLUMNS = """
    select relname::text, attname::text from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
"""
_SCHEMAS = "select nspname::text from pg_namespace where has_schema_privilege(oid, 'usage') order by 1"
OTHERS = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name = 'septet'
"""
_LOCK_WAIT = 10  # seconds that we queue for a table, and all who come after us with it
_PLAIN = ("--no-owner", "--no-privileges")  # whoever restores owns what comes of it


async def dump(url: str, target: Path, systems: Sequence[System], programs: Programs) -> Content:
    """Dump the database into the file `target`, and tell what is in the dump. Raises ArchiveError."""
    async with connected(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0")
        await programs.check("pg_dump", major_of(connection))
        snapshot = await connection.fetchval("select pg_export_snapshot()")
        # Uncompressed, for the archive is compressed as a whole.
        options = ("--format=custom", "--compress=0", *_PLAIN, f"--exclude-schema={ASIDE}*", f"--snapshot={snapshot}")
        await programs.run("pg_dump", *options, f"--file={target}", url=url)
        shapes = await shapes_in(connection, systems)
        if not shapes:
            raise ArchiveError("there is nothing in the database yet: its tables are made at the first start")
        tables = [kept(shape, await digest_postgresql(connection, shape)) for shape in shapes]
        schema = await connection.fetchval("select current_schema()")
        version = ".".join(map(str, connection.get_server_version()[:2]))
        return Content(version, await _revisions(connection, shapes), tables, schema)


async def restore(url: str, dumped: Path, content: Content, programs: Programs, *, aside: str = "") -> None:
    """Put the dump into the database, all or nothing; tables that are there are moved into the schema `aside`.

    Whoever migrates waits meanwhile. Raises ArchiveError if there are tables and no `aside`, or others use them.
    """
    store = PostgresqlStore(url)
    async with store.exclusive():
        async with connected(url) as connection:
            await _refuse_another_schema(connection, content)
            names = [row[0] for row in await connection.fetch(_TABLES)]
            if names and not aside:
                raise ArchiveError(f"the database holds {len(names)} tables already: --replace moves them aside")
            if names and (others := await connection.fetchval(OTHERS)):
                raise ArchiveError(f"the database is in use by {others} connections of Septet: stop it, and try again")
            major = major_of(connection)
            before = dumped.with_name("before.sql")
            before.write_text(_moving_aside(names, content.schema, aside))
        script = await _as_script(dumped, content, programs, major)
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--output=/dev/null")
        await programs.run("psql", *options, f"--file={before}", f"--file={script}", url=url)


async def faults_of_dump(dumped: Path, programs: Programs) -> list[str]:
    """Whether pg_restore can read all of a dump, without a database."""
    try:
        await programs.run("pg_restore", "--list", dumped)
        await programs.run("pg_restore", "--file=/dev/null", dumped)
    except ArchiveError as error:
        return [str(error)]
    return []


async def faults_once_restored(url: str, content: Content) -> list[str]:
    """How the database differs from what the manifest says, to the last row."""
    async with connected(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        faults = missing_tables(content.tables, await shapes_in(connection, ()))
        for table in content.tables if not faults else ():
            faults += other_rows(table, await digest_postgresql(connection, table.shape))
        return faults


async def is_empty(url: str) -> bool:
    async with connected(url) as connection:
        return not await connection.fetch(_TABLES)


async def empty(url: str) -> None:
    """Drop every table that the schema holds, all or none."""
    async with connected(url) as connection:
        await drop(connection, [row[0] for row in await connection.fetch(_TABLES)])


async def tables_of(connection: asyncpg.Connection, systems: Sequence[System]) -> list[str]:
    """The tables that are there and that these systems declare, those of their revisions, and that of a move."""
    ours = {str(name) for system in systems if system.tables for name in system.tables.tables}
    ours |= {MOVE_STATE, *(version_table(system.name) for system in systems)}
    return [row[0] for row in await connection.fetch(_TABLES) if row[0] in ours]


async def schemas_aside(connection: asyncpg.Connection) -> list[str]:
    """The schemas that hold tables from before a restore."""
    return [row[0] for row in await connection.fetch(_SCHEMAS) if row[0].startswith(ASIDE)]


async def drop(connection: asyncpg.Connection, tables: Sequence[str], schemas: Sequence[str] = ()) -> None:
    """Drop these tables, and these schemas with all that is in them; all or nothing."""
    async with connection.transaction():
        for name in tables:
            await connection.execute(f"drop table {quoted(name)} cascade")
        for name in schemas:
            await connection.execute(f"drop schema {quoted(name)} cascade")


async def shapes_in(connection: asyncpg.Connection, systems: Sequence[System]) -> list[Shape]:
    return found_shapes([(row[0], row[1]) for row in await connection.fetch(_COLUMNS)], systems)


def major_of(connection: asyncpg.Connection) -> int:
    major: int = connection.get_server_version().major
    return major


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of our own. What the server or the way to it refuses is an ArchiveError."""
    try:
        connection = await asyncpg.connect(url, statement_cache_size=0)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ArchiveError(f"PostgreSQL cannot be reached: {error}") from error
    try:
        yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ArchiveError(f"PostgreSQL failed: {error}") from error
    finally:
        await connection.close()


async def _as_script(dumped: Path, content: Content, programs: Programs, major: int) -> Path:
    """The dump as SQL, in a file: by a pipe, psql could take a dump that breaks off for one that ended."""
    for name in ("pg_restore", "psql"):
        await programs.check(name, major)
    script = dumped.with_name("restore.sql")
    script.touch(0o600)
    await programs.run("pg_restore", *_PLAIN, f"--schema={content.schema}", f"--file={script}", dumped)
    return script


def _moving_aside(names: Sequence[str], schema: str, aside: str) -> str:
    moves = [f"alter table {quoted(schema)}.{quoted(name)} set schema {quoted(aside)};" for name in names]
    start = [f"set local lock_timeout = '{_LOCK_WAIT}s';", f"create schema {quoted(aside)};"]
    return "\n".join([*start, *moves, ""]) if moves else "select;\n"


async def _refuse_another_schema(connection: asyncpg.Connection, content: Content) -> None:
    schema = await connection.fetchval("select current_schema()")
    if schema != content.schema:
        raise ArchiveError(f"its tables were in the schema {content.schema}, and this database's are in {schema}")


async def _revisions(connection: asyncpg.Connection, shapes: Sequence[Shape]) -> dict[str, str]:
    found = {}
    for system, table in version_tables(shapes).items():
        version = await connection.fetchval(f"select version_num from {quoted(table)}")  # noqa: S608 - it is there
        if version is not None:
            found[system] = version
    return found
