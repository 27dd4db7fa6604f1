"""`septet keys`: the secret keys in the data folder.

septet keys list       their ids, newest first
septet keys rotate     a new key before them; the old ones still open what they sealed
"""

from __future__ import annotations

from pathlib import Path

import click

from septet.cli.common import fail, load_settings, plain_errors
from septet.core import keys as keyring
from septet.core.keys import Keyring


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
        click.echo("What older keys made still holds; delete one from the file once nothing of it is needed.")
