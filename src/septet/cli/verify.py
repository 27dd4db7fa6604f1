"""`septet verify`: whether a backup is whole, to the last row, without touching the data.

septet verify monday.tar.gz
septet verify monday.tar.gz --restore-into postgresql://…/scratch    really restore it, compare, and empty it again
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.backup import POSTGRESQL_DUMP, SQLITE_COPY
from septet.cli.common import FAILED, fail, load_settings, plain_errors, run_async
from septet.cli.texts import url_of

if TYPE_CHECKING:
    from septet.engines.database.manifest import Manifest


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--restore-into",
    "url",
    metavar="URL",
    help="An empty PostgreSQL database to restore it into, as a try; - reads its URL from standard input.",
)
def verify(file: Path, url: str | None) -> None:
    """Check a backup: every file by its hash, the database by its own checks, and every row against the manifest.

    The rows of a backup of PostgreSQL can be read only by PostgreSQL: name an empty database, which is emptied again.
    """
    with plain_errors():
        scratch = url_of("--restore-into", url) if url else None
        programs = load_settings()[0].postgresql_programs
        manifest = run_async(lambda: _verify(file, programs, scratch))
        click.echo(f"{file}: whole. {in_words(manifest)}")
        if manifest.database == "postgresql" and not scratch:
            click.echo("Its rows were not compared: that takes --restore-into an empty PostgreSQL database.", err=True)


async def _verify(file: Path, programs: str, url: str | None) -> Manifest:
    from septet.engines.database.manifest import ArchiveError

    async with verified(file, Path(tempfile.gettempdir()), programs) as (manifest, folder):
        if url is None:
            return manifest
        if manifest.database != "postgresql" or not url.startswith(("postgresql://", "postgres://")):
            raise ArchiveError(f"--restore-into is for backups of PostgreSQL; {file} is one of {manifest.database}")
        if faults := await _faults_in_scratch(url, manifest, folder, programs):
            raise ArchiveError(f"{file}: {_first_of(faults)}")
        return manifest


@contextlib.asynccontextmanager
async def verified(file: Path, beside: Path, programs: str) -> AsyncIterator[tuple[Manifest, Path]]:
    """The manifest of a backup, and a folder in `beside` with its files, once all was checked.

    Raises ArchiveError with the first fault and how many there are.
    """
    from septet.engines.database.archive import unpack, workplace
    from septet.engines.database.manifest import ArchiveError

    with workplace(beside) as folder:
        manifest = unpack(file, folder)
        if faults := await _faults(manifest, folder, programs):
            raise ArchiveError(f"{file}: {_first_of(faults)}")
        yield manifest, folder


def in_words(manifest: Manifest) -> str:
    return (
        f"Septet {manifest.septet} made it at {manifest.made_at:%Y-%m-%d %H:%M:%SZ} of {manifest.database}: "
        f"{manifest.rows:,} rows in {len(manifest.content.tables)} tables"
    )


async def _faults(manifest: Manifest, folder: Path, programs: str) -> list[str]:
    names = {file.name for file in manifest.files}
    database = {"sqlite": SQLITE_COPY, "postgresql": POSTGRESQL_DUMP}.get(manifest.database)
    if database not in names:
        return [f"its manifest is forged: it names no {database or 'known'} database"]
    if manifest.database == "sqlite":
        from septet.engines.database.backup_sqlite import faults_of_copy

        return list(faults_of_copy(folder / SQLITE_COPY, manifest.content))
    from septet.engines.database.backup_postgresql import faults_of_dump
    from septet.engines.database.postgresql_programs import Programs

    return await faults_of_dump(folder / POSTGRESQL_DUMP, Programs(programs))


async def _faults_in_scratch(url: str, manifest: Manifest, folder: Path, programs: str) -> list[str]:
    """Restore the dump into the empty database, compare every row, and empty it again."""
    from septet.engines.database import backup_postgresql
    from septet.engines.database.postgresql_programs import Programs

    if not await backup_postgresql.is_empty(url):
        fail("--restore-into: this database holds tables; name an empty one", FAILED)
    await backup_postgresql.restore(url, folder / POSTGRESQL_DUMP, manifest.content, Programs(programs))
    try:
        return await backup_postgresql.faults_once_restored(url, manifest.content)
    finally:
        await backup_postgresql.empty(url)


def _first_of(faults: list[str]) -> str:
    more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
    return f"it is damaged: {faults[0]}{more}"
