"""`septet new-system`: lay out a system of your own, as a package that Septet finds once it is installed.

septet new-system library --noun book    in the folder library
"""

from __future__ import annotations

from pathlib import Path

import click

from septet.cli.common import FAILED, fail, plain_errors
from septet.cli.file_modes import as_the_user_wants


@click.command(name="new-system")
@click.argument("name")
@click.option("--noun", default="item", show_default=True, help="What it keeps, in the singular: book, loan, ticket.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to put it; a folder of its name by default.")
def new_system(name: str, noun: str, folder: Path | None) -> None:
    """Lay out a system called NAME: a package with operations, tables, a first revision and tests, ready to install.

    Nothing that is there is changed: the folder must be new, or empty.
    """
    from septet.scaffold.layout import FolderInUse, lay_out
    from septet.scaffold.names import why_not_name, why_not_noun

    with plain_errors():
        if reason := why_not_name(name) or why_not_noun(name, noun):
            fail(reason)
        place = folder or Path(name)
        try:
            with as_the_user_wants():
                files = lay_out(name, noun, place)
        except FolderInUse as error:
            fail(str(error))
        except OSError as error:
            fail(f"{place} cannot be written: {error.strerror}", FAILED)
    for file in files:
        click.echo(place / file)
    click.echo(f"\nNext, to work on it and to run it beside the others:\n  cd {place}\n  pip install -e '.[test]'")
    click.echo(f"  septet check {name}\n  septet serve")
