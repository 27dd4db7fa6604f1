"""`septet reset`: delete all data, and start as on the first day. Settings and backups stay.

septet reset                        the data folder: database, secret keys, mailbox
septet reset --database septet      PostgreSQL: every table of Septet in the database of that name as well
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.backup import FOLDER
from septet.cli.common import FAILED, fail, load_settings, plain_errors, run_async

if TYPE_CHECKING:
    from septet.settings import Settings


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--database", metavar="NAME", help="PostgreSQL: the name of the database whose tables are to go.")
@click.option("--backups", is_flag=True, help="Delete the backups in the data folder, too.")
def reset(yes: bool, database: str | None, backups: bool) -> None:
    """Delete all data: the database, the secret keys, the local mailbox. Stop the server before."""
    with plain_errors():
        settings, _ = load_settings()
        if settings.database_kind == "postgresql":
            run_async(lambda: _reset_postgresql(settings, database, backups=backups, ask=not yes))
        elif database is not None:
            fail("--database is for PostgreSQL; the database here is a file in the data folder")
        else:
            _reset_sqlite(settings, backups=backups, ask=not yes)


def _reset_sqlite(settings: Settings, *, backups: bool, ask: bool) -> None:
    from septet.app import database_url
    from septet.engines.database import sqlite_path
    from septet.engines.database.backup_sqlite import alone_with

    file = sqlite_path(database_url(settings), settings)
    doomed = [*_beside(file), *_in_data_folder(settings, backups=backups)]
    if not doomed:
        click.echo(f"There is nothing to delete in {settings.data_dir}.")
        return
    with alone_with(file):
        _announce(doomed, [])
        _ask(ask)
        _delete(doomed)
    click.echo("Deleted. The next start begins anew.")


async def _reset_postgresql(settings: Settings, database: str | None, *, backups: bool, ask: bool) -> None:
    from septet.app import database_url
    from septet.engines.database import backup_postgresql
    from septet.engines.database.backup_sqlite import alone_with
    from septet.systems import installed_systems

    async with backup_postgresql.connected(database_url(settings)) as connection:
        name = await connection.fetchval("select current_database()")
        if database != name:
            fail(f"this deletes what is in PostgreSQL's database {name}: say so by --database {name}")
        if others := await connection.fetchval(backup_postgresql.OTHERS):
            fail(f"the database is in use by {others} connections of Septet: stop it, and try again", FAILED)
        tables = await backup_postgresql.tables_of(connection, installed_systems(settings))
        schemas = await backup_postgresql.schemas_aside(connection)
        file = settings.data_dir / "septet.db"  # what was moved from, if anything
        doomed = [*_beside(file), *_in_data_folder(settings, backups=backups)]
        if not (tables or schemas or doomed):
            click.echo(f"There is nothing to delete in {name}.")
            return
        said = [f"{len(tables)} tables in the database {name}: {', '.join(tables)}"] if tables else []
        said += [f"the schema {schema}, from before a restore" for schema in schemas]
        with alone_with(file) if file in doomed else contextlib.nullcontext():
            _announce(doomed, said)
            _ask(ask)
            await backup_postgresql.drop(connection, tables, schemas)
            _delete(doomed)
    click.echo("Deleted. The next start begins anew.")


def _beside(file: Path) -> Iterator[Path]:
    """The database, its log, the mark of a move, and what restoring kept or left.

    Locks stay: they are empty, and others may wait.
    """
    from septet.engines.database.archive import WORKPLACE
    from septet.engines.database.moved import moved_mark

    ours = (file, Path(f"{file}-wal"), Path(f"{file}-shm"), moved_mark(file))
    yield from (path for path in ours if path.exists())
    yield from sorted(file.parent.glob(f"{file.name}.before-restore-*"))
    yield from sorted(file.parent.glob(f"{WORKPLACE}*"))


def _in_data_folder(settings: Settings, *, backups: bool) -> Iterator[Path]:
    """Only what Septet made: whatever else somebody put there stays."""
    from septet.core import keys
    from septet.engines.mail import MAILBOX

    names = (keys.FILE_NAME, f"{keys.FILE_NAME}.new", MAILBOX, *([FOLDER] if backups else []))
    yield from (settings.data_dir / name for name in names if (settings.data_dir / name).exists())


def _announce(doomed: list[Path], tables: list[str]) -> None:
    click.echo("This deletes, for ever:")
    for line in [*tables, *(f"{path}  {_size(path):,} bytes" for path in doomed)]:
        click.echo(f"  {line}")


def _ask(ask: bool) -> None:
    if ask and not click.confirm("Go on?"):
        fail("nothing was deleted", FAILED)


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in (path.rglob("*") if path.is_dir() else [path]))


def _delete(doomed: list[Path]) -> None:
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
