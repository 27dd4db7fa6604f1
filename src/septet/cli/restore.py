"""`septet restore`: a backup in the place of the data, which is kept aside.

septet restore monday.tar.gz              SQLite: the database that is there is kept as septet.db.before-restore-…
septet restore monday.tar.gz --replace    PostgreSQL: its tables are moved into a schema before_restore_…

Killed at any moment, it leaves the old data or the new. It never changes the tables: `septet serve` does, or
`septet migrate up`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.backup import POSTGRESQL_DUMP, SQLITE_COPY
from septet.cli.common import load_settings, plain_errors, run_async
from septet.cli.verify import in_words, verified

if TYPE_CHECKING:
    from septet.core.system import System
    from septet.engines.database.manifest import Manifest
    from septet.settings import Settings

_MOMENT = "%Y%m%dT%H%M%S%fZ"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="PostgreSQL: move the tables that are there aside.")
def restore(file: Path, replace: bool) -> None:
    """Put a backup in the place of the data, once all of it was checked. Stop the server before.

    Restore only what you made yourself: a backup of PostgreSQL holds SQL that is run.
    """
    with plain_errors():
        from septet.systems import installed_systems

        settings, _ = load_settings()
        file.open("rb").close()  # a name that is mistyped fails before anything is made
        systems = installed_systems(settings)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.database_kind == "sqlite":
            said = run_async(lambda: _restore_sqlite(settings, systems, file))
        else:
            said = run_async(lambda: _restore_postgresql(settings, systems, file, replace=replace))
        click.echo("\n".join(said))


async def _restore_sqlite(settings: Settings, systems: Sequence[System], file: Path) -> list[str]:
    from septet.app import database_url
    from septet.engines.database import sqlite_path
    from septet.engines.database.backup_sqlite import alone_with, put_in_place

    database = sqlite_path(database_url(settings), settings)
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone_with(database):
        async with verified(file, database.parent, settings.postgresql_programs) as (manifest, folder):
            _refuse_unless_ours(manifest, systems, settings)
            said = [in_words(manifest), *_put_keys(settings, manifest, folder)]
            aside = database.with_name(f"{database.name}.before-restore-{datetime.now(timezone.utc):{_MOMENT}}")
            put_in_place(folder / SQLITE_COPY, database, aside)
            said += [f"The database as it was: {aside}"] if aside.exists() else []
            return [*said, *_put_letters(settings, folder)]


async def _restore_postgresql(settings: Settings, systems: Sequence[System], file: Path, *, replace: bool) -> list[str]:
    from septet.app import database_url
    from septet.engines.database import backup_postgresql
    from septet.engines.database.postgresql_programs import Programs

    url, programs = database_url(settings), Programs(settings.postgresql_programs)
    async with verified(file, settings.data_dir, settings.postgresql_programs) as (manifest, folder):
        _refuse_unless_ours(manifest, systems, settings)
        there = not await backup_postgresql.is_empty(url)
        aside = f"{backup_postgresql.ASIDE}{datetime.now(timezone.utc):{_MOMENT}}".lower() if replace else ""
        said = [in_words(manifest), *_put_keys(settings, manifest, folder)]
        await backup_postgresql.restore(url, folder / POSTGRESQL_DUMP, manifest.content, programs, aside=aside)
        said += [f"The tables as they were: schema {aside}; let go of them by: drop schema {aside} cascade"] * there
        return [*said, *_put_letters(settings, folder)]


def _refuse_unless_ours(manifest: Manifest, systems: Sequence[System], settings: Settings) -> None:
    from septet.engines.database.manifest import ArchiveError, newer_systems

    if manifest.database != settings.database_kind:
        raise ArchiveError(
            f"this is a backup of {manifest.database}, and SEPTET_DATABASE_URL names {settings.database_kind}: restore "
            "it where it came from, then `septet move` it"
        )
    if newer := newer_systems(manifest.content.revisions, systems):
        raise ArchiveError(
            f"Septet {manifest.septet} made this backup, with tables that are newer than this release's "
            f"({', '.join(newer)}): restore it with that release"
        )


def _put_keys(settings: Settings, manifest: Manifest, folder: Path) -> list[str]:
    """Add the backup's keys to those that are there, before the database: both the old and the new one can be read."""
    from septet.core import keys
    from septet.core.keys import Keyring

    path, brought = settings.data_dir / keys.FILE_NAME, folder / keys.FILE_NAME
    if brought.exists() and not settings.keys:
        keys.add(path, Keyring.open_file(brought))
    known = settings.keys or path.exists()
    ours = (Keyring.parse(settings.keys) if settings.keys else Keyring.open_file(path)).ids if known else ()
    if missing := sorted(set(manifest.key_ids) - set(ours)):
        return [
            f"Keys that were in use are not here ({', '.join(missing)}): everybody must sign in again, and what they "
            f"sealed stays closed, until they are put into {'SEPTET_KEYS' if settings.keys else path}"
        ]
    return []


def _put_letters(settings: Settings, folder: Path) -> list[str]:
    """Add the backup's letters to the local mailbox; those that are there stay as they are."""
    from septet.engines.mail import MAILBOX

    count = 0
    for letter in sorted((folder / MAILBOX).glob("*/*")):
        place = settings.data_dir / MAILBOX / letter.parent.name / letter.name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not place.exists():
            shutil.move(letter, place)
            count += 1
    return [f"{count} letters were put back into the mailbox"] if count else []
