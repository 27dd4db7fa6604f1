"""`septet keys`: the secret keys in the data folder.

septet keys list       their ids, newest first
septet keys rotate     a new key before them; the old ones still open what they sealed
septet keys reseal     seal with the newest key what is kept encrypted in the database
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.common import FAILED, fail, load_settings, plain_errors, run_async
from septet.cli.opened import Chosen, load_chosen, opened_septet
from septet.core import keys as keyring
from septet.core.keys import Keyring

if TYPE_CHECKING:
    from septet.core.sealing import Resealed


@click.group()
def keys() -> None:
    """List the secret keys, or put a new one before them."""


@keys.command(name="list")
def list_command() -> None:
    """The ids of the keys, newest first. The keys themselves are never shown."""
    with plain_errors():
        settings, _ = load_settings()
        path = settings.data_dir / keyring.FILE_NAME
        if not settings.keys and not path.exists():
            fail(f"there are no keys yet; `septet serve` makes {path} at its first start", 1)
        found = Keyring.parse(settings.keys) if settings.keys else Keyring.open_file(path)
        click.echo("\n".join(f"{key_id}{'  makes what is new' if not i else ''}" for i, key_id in enumerate(found.ids)))


@keys.command()
def rotate() -> None:
    """Put a new key before those in the key file. Processes that run take it up when they start again."""
    with plain_errors():
        settings, _ = load_settings()
        if settings.keys:
            fail("the keys come from SEPTET_KEYS: put a new one, id:base64, before those in it")
        path: Path = settings.data_dir / keyring.FILE_NAME
        if not path.exists():
            fail(f"there are no keys yet; `septet serve` makes {path} at its first start", 1)
        found = keyring.rotate(path)
        click.echo(f"The new key is {found.current}. Start `septet serve` and `septet worker` again to use it.")
        click.echo("What older keys made still holds. Then `septet keys reseal` seals anew what is kept encrypted.")


@keys.command()
def reseal() -> None:
    """Seal with the newest key what older ones sealed in the database, such as the seeds of authenticator apps.

    It may be broken off and run again. Sessions are still refreshed by the key that they were made with: remove an old
    key only when SEPTET_IDENTITY_REFRESH_ABSOLUTE_DAYS have passed since the rotation.
    """
    with plain_errors():
        done = run_async(lambda: _reseal(load_chosen()))
        for column in done:
            click.echo(f"{column.table}: {column.rows:,} sealed anew")
            for key_id in column.lost:
                told = f"{column.table}: what key {key_id} sealed does not open. Put the key back, or it is lost."
                click.echo(told, err=True)
        if any(column.lost for column in done):
            raise SystemExit(FAILED)


async def _reseal(chosen: Chosen) -> list[Resealed]:
    from septet.core.sealing import reseal as reseal_column

    async with opened_septet(chosen) as septet:
        columns = [column for system in septet.runtime.registry.systems for column in system.sealed]
        return [await reseal_column(septet.runtime, column) for column in columns]
