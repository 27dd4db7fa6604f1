"""`septet move`: from the embedded SQLite file into PostgreSQL, with every row proved to have arrived."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.common import fail, load_settings, plain_errors, run_async
from septet.cli.texts import url_of

if TYPE_CHECKING:
    from septet.engines.database.move import Moved


@click.command(name="move")
@click.option("--to", "url", required=True, metavar="URL", help="postgresql://…, or - to read it from standard input.")
@click.option(
    "--wait", "patience", default=600.0, show_default=True, help="Seconds to wait for the server to stop, at the end."
)
def move(url: str, patience: float) -> None:
    """Bring the embedded database into an empty PostgreSQL database.

    The server may go on while rows are copied. Once nearly everything is there you are asked to stop it; the rest
    follows, every table is compared by a hash on both sides, and the file is marked as moved and otherwise left as it
    is. Cut off at any moment, the same command goes on where it was.

    A URL with a password is seen by others on this machine: give - and pipe it in.
    """
    url = url_of("--to", url)
    if not url.startswith(("postgresql://", "postgres://")):
        fail("--to is postgresql://user@host/database")
    with plain_errors():
        settings, _ = load_settings()
        if settings.database_kind != "sqlite":
            fail("SEPTET_DATABASE_URL names PostgreSQL already; a move begins at the embedded database")
        from septet.engines.database import move as moving
        from septet.engines.database import sqlite_path
        from septet.systems import installed_systems

        path = sqlite_path(settings.database_url, settings).resolve()
        if not path.is_file():
            fail(f"there is no database at {path}")
        systems = installed_systems(settings)

        async def go() -> Moved:
            return await moving.move(path, url, systems, click.echo, patience=patience)

        _tell(run_async(go), path)


def _tell(moved: Moved, path: Path) -> None:
    wide = max(len(table.table) for table in moved.tables)
    for table in moved.tables:
        click.echo(f"  {table.table:{wide}}  {table.rows:>10}  {table.digest}")
    click.echo(f"{moved.rows} rows are there, the same on both sides.")
    click.echo(
        "Set SEPTET_DATABASE_URL to the new database and start the server. The folder with the keys stays in use."
    )
    click.echo(f"{path} is marked as moved; delete it when you are sure.")
