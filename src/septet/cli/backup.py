"""`septet backup`: all data in one file, taken while the server goes on.

septet backup                        into the folder backups in the data folder
septet backup /mnt/usb/monday.tar.gz into this file, which is not there yet
septet backup /mnt/usb --keep 7      into this folder, of which the newest seven backups then stay
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet import __version__
from septet.cli.common import FAILED, fail, load_settings, plain_errors, run_async

if TYPE_CHECKING:
    from septet.core.system import System
    from septet.engines.database.manifest import Content, Manifest
    from septet.settings import Settings

SQLITE_COPY, POSTGRESQL_DUMP = "septet.db", "database.dump"  # the database's name in an archive
FOLDER = "backups"  # in the data folder
_NAMES = "septet-*Z.tar.gz"
_WITH_KEYS = "Its keys open everything in it: whoever has this file can read all and sign in as anybody. Lock it away."
_WITHOUT_KEYS = (
    "The secret keys are not in it. Without them nobody stays signed in, and codes, cursors and sealed values are "
    "lost: keep a copy of {} in another place."
)


@click.command()
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--with-keys", is_flag=True, help="Put the secret keys in as well: lock the file away then.")
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Keep the newest N backups of the folder.")
@click.option("--anyway", is_flag=True, help="Back up a file that was moved to PostgreSQL, as it was then.")
def backup(target: Path | None, with_keys: bool, keep: int | None, anyway: bool) -> None:
    """Copy all data into one file, while the server goes on: the database as of one moment, and the local mailbox.

    FILE may be a folder. An existing file is never overwritten. `septet verify` checks what was made.
    """
    with plain_errors():
        from septet.systems import installed_systems

        settings, _ = load_settings()
        chosen = _place(settings, target)
        if chosen.exists():
            fail(f"{chosen} is there already, and is not overwritten", FAILED)
        if keep is not None and chosen == target:
            fail("--keep needs a folder: name one that is there, or none")
        systems = installed_systems(settings)
        made = run_async(lambda: make_backup(settings, systems, chosen, with_keys=with_keys, anyway=anyway))
        size = chosen.stat().st_size
        click.echo(f"{chosen}: {made.rows:,} rows in {len(made.content.tables)} tables, {size:,} bytes")
        click.echo(_WITH_KEYS if with_keys else _WITHOUT_KEYS.format(_keys_are_in(settings)), err=True)
        for old in sorted(chosen.parent.glob(_NAMES))[:-keep] if keep is not None else ():
            old.unlink(missing_ok=True)
            click.echo(f"{old}: removed, for newer ones are kept")


async def make_backup(
    settings: Settings, systems: Sequence[System], target: Path, *, with_keys: bool, anyway: bool = False
) -> Manifest:
    """Write the archive `target`. Raises ArchiveError, and leaves nothing behind.

    anyway: also of a SQLite file that was moved to PostgreSQL, whose rows are of that day.
    """
    from septet.engines.database.archive import kept_file, workplace, write_archive
    from septet.engines.database.manifest import FORMAT, ArchiveError, Manifest

    try:
        with workplace(target.parent) as folder:
            now = datetime.now(timezone.utc)
            content, database = await _copy_database(settings, systems, folder, anyway=anyway)
            names = [database, *_copy_letters(settings, folder), *(_copy_keys(settings, folder) if with_keys else ())]
            manifest = Manifest(
                format=FORMAT,
                septet=__version__,
                made_at=now,
                database=settings.database_kind,
                content=content,
                key_ids=_key_ids(settings),
                files=[kept_file(name, folder / name) for name in names],
            )
            write_archive(target, manifest, folder)
            return manifest
    except OSError as error:
        raise ArchiveError(f"{target} cannot be written: {error.strerror or error}") from error


def new_name(folder: Path, now: datetime, beginning: str = "septet") -> Path:
    return folder / f"{beginning}-{now:%Y%m%dT%H%M%S.%fZ}.tar.gz"


def _place(settings: Settings, target: Path | None) -> Path:
    """The file to write: `target`, or a new name in that folder, or in that of backups."""
    if target is not None and not target.is_dir():
        if not target.parent.is_dir():
            fail(f"there is no folder {target.parent}", FAILED)
        return target
    folder = target or settings.data_dir / FOLDER
    if target is None:
        if not settings.data_dir.is_dir():
            fail(f"there is no data folder {settings.data_dir} yet; the first start makes it", FAILED)
        folder.mkdir(mode=0o700, exist_ok=True)
    return new_name(folder, datetime.now(timezone.utc))


async def _copy_database(
    settings: Settings, systems: Sequence[System], folder: Path, *, anyway: bool
) -> tuple[Content, str]:
    from septet.app import database_url

    url = database_url(settings)
    if settings.database_kind == "postgresql":
        from septet.engines.database.backup_postgresql import dump
        from septet.engines.database.postgresql_programs import Programs

        programs = Programs(settings.postgresql_programs)
        return await dump(url, folder / POSTGRESQL_DUMP, systems, programs), POSTGRESQL_DUMP
    from septet.engines.database import sqlite_path
    from septet.engines.database.backup_sqlite import copy_live

    file = sqlite_path(url, settings)
    return await copy_live(file, folder / SQLITE_COPY, systems, moved=anyway), SQLITE_COPY


def _copy_letters(settings: Settings, folder: Path) -> list[str]:
    """Copy the local mailbox; a letter that is removed meanwhile is left out."""
    from septet.engines.mail import MAILBOX

    names = []
    for room in ("cur", "new"):
        (folder / MAILBOX / room).mkdir(mode=0o700, parents=True)
        for letter in sorted((settings.data_dir / MAILBOX / room).glob("*")):
            name = f"{MAILBOX}/{room}/{letter.name}"
            try:
                shutil.copyfile(letter, folder / name)
            except FileNotFoundError:
                continue
            names.append(name)
    return names


def _copy_keys(settings: Settings, folder: Path) -> list[str]:
    from septet.core import keys
    from septet.engines.database.manifest import ArchiveError

    if settings.keys:
        raise ArchiveError("the keys come from SEPTET_KEYS and not from a file: keep a copy of that setting instead")
    try:
        shutil.copyfile(settings.data_dir / keys.FILE_NAME, folder / keys.FILE_NAME)
    except FileNotFoundError:
        raise ArchiveError("there are no keys yet; the first start makes them") from None
    (folder / keys.FILE_NAME).chmod(0o600)
    return [keys.FILE_NAME]


def _key_ids(settings: Settings) -> list[str]:
    from septet.core import keys
    from septet.core.keys import Keyring

    if settings.keys:
        return list(Keyring.parse(settings.keys).ids)
    path = settings.data_dir / keys.FILE_NAME
    return list(Keyring.open_file(path).ids) if path.exists() else []


def _keys_are_in(settings: Settings) -> str:
    from septet.core import keys

    return "SEPTET_KEYS" if settings.keys else str(settings.data_dir / keys.FILE_NAME)
