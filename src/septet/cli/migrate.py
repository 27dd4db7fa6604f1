"""`septet migrate`: where the database's tables stand, and bringing them up, or back down.

septet migrate status           each system: what the database has, what the code has
septet migrate up               run what is missing; `septet serve` does it itself for an embedded database
septet migrate down SYSTEM      undo the last revision, or all after --to
septet migrate check            the rules that revisions keep, without touching the database
septet migrate new SYSTEM WHAT  write the next revision from what the tables declare
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from septet.cli.common import FAILED, fail, load_settings, plain_errors, run_async
from septet.cli.file_modes import as_the_user_wants
from septet.cli.texts import url_of

if TYPE_CHECKING:
    from septet.core.system import System
    from septet.engines.database.migrations import Done
    from septet.engines.database.revisions import Standing
    from septet.settings import Settings


@click.group(name="migrate")
def migrate() -> None:
    """Keep the database's tables up with the code."""


@migrate.command()
def status() -> None:
    """Where the database stands with each system. Exits with 1 if something is to do."""
    from septet.engines.database import migrations

    with plain_errors():
        settings, systems = _setup()
        standings = run_async(lambda: migrations.status(_url(settings), systems))
    width = max(len(found.system) for found in standings)
    for found in standings:
        click.echo(f"{found.system:{width}}  {found.current or '-':>4}  of {found.head or '-':>4}  {_in_words(found)}")
    if any(found.missing for found in standings):
        raise SystemExit(FAILED)


@migrate.command()
@click.argument("system", required=False)
@click.option("--to", metavar="REVISION", help="Stop at this revision; needs SYSTEM.")
def up(system: str | None, to: str | None) -> None:
    """Run the revisions that the database lacks, of all systems or of SYSTEM. Backs a SQLite file up first."""
    from septet.engines.database import migrations

    if to and not system:
        fail("--to is a revision of one system: name the SYSTEM too")
    with plain_errors():
        settings, systems = _setup(system)
        backups = settings.data_dir / migrations.BACKUPS
        _tell(run_async(lambda: migrations.migrate_up(_url(settings), systems, to=to, backups=backups)))


@migrate.command()
@click.argument("system")
@click.option("--to", metavar="REVISION", help="Undo all after this revision; `base` undoes all.")
@click.confirmation_option(prompt="This drops what these revisions added, with what is stored in it. Go on?")
def down(system: str, to: str | None) -> None:
    """Undo the last revision of SYSTEM, or all after --to. Backs a SQLite file up first.

    To go back to an earlier release this is not needed: it runs on the tables of the next one.
    """
    from septet.engines.database import migrations

    with plain_errors():
        settings, systems = _setup(system)
        url, backups = _url(settings), settings.data_dir / migrations.BACKUPS

        async def undo() -> Done:
            target = to or _before((await migrations.status(url, systems))[0])
            return await migrations.migrate_down(url, systems, to=target, backups=backups)

        _tell(run_async(undo))


@migrate.command()
@click.option(
    "--on",
    "url",
    metavar="URL",
    help="An empty PostgreSQL database to try all revisions in as well; - reads its URL from standard input.",
)
def check(url: str | None) -> None:
    """Check the rules that let two releases share a database, and that revisions arrive at the declared tables.

    Tries them in a new SQLite file that is then removed. Your own database is not touched.
    """
    from septet.engines.database.expand_contract import lint
    from septet.engines.database.scratch import faults_of_tables, scratch_file

    async def tried(systems: list[System]) -> list[str]:
        async with scratch_file() as file:
            found = [f"on SQLite, {fault}" for fault in await faults_of_tables(file, systems)]
        tried_too = await faults_of_tables(url, systems) if url else []
        return found + [f"on PostgreSQL, {fault}" for fault in tried_too]

    url = url_of("--on", url) if url else None
    with plain_errors():
        systems = _setup()[1]
        faults = [str(fault) for system in systems for fault in lint(system)]
        faults += run_async(lambda: tried(systems))
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise SystemExit(FAILED)
    click.echo(f"The revisions of {', '.join(system.name for system in systems)} keep the rules.")


@migrate.command()
@click.argument("system")
@click.argument("what", nargs=-1, required=True)
def new(system: str, what: tuple[str, ...]) -> None:
    """Write SYSTEM's next revision from the difference between its revisions and its tables. Read it, then commit it.

    It is as if the tables had no rows and no users: what the rules refuse is told, to be put right by hand.
    """
    from septet.engines.database.expand_contract import lint
    from septet.engines.database.scratch import write_next_revision

    with plain_errors():
        chosen = _setup(system)[1][0]
        with as_the_user_wants():
            path = run_async(lambda: write_next_revision(chosen, " ".join(what)))
        if path is None:
            click.echo(f"The revisions of {system} already make the tables that it declares.")
            return
        click.echo(str(path))
        for fault in lint(chosen):
            click.echo(str(fault), err=True)


def _setup(name: str | None = None) -> tuple[Settings, list[System]]:
    """The settings, and all systems that have tables or the one called `name`."""
    from septet.systems import installed_systems

    settings = load_settings()[0]
    systems = [system for system in installed_systems(settings) if system.migrations is not None]
    chosen = [system for system in systems if name in (None, system.name)]
    if not chosen:
        fail(f"there is no system {name} with tables; there are {', '.join(system.name for system in systems)}")
    return settings, chosen


def _url(settings: Settings) -> str:
    from septet.app import database_url

    return database_url(settings)


def _before(found: Standing) -> str:
    from septet.engines.database.migrations import BASE

    earlier = [revision for revision in found.known if revision < (found.current or "")]
    return earlier[-1] if earlier else BASE


def _in_words(found: Standing) -> str:
    if found.is_newer:
        return "newer than this release, which can run on it"
    return f"{len(found.missing)} to run" if found.missing else "up to date"


def _tell(done: Done) -> None:
    if done.backup:
        click.echo(f"The database as it was: {done.backup}")
    for step in done.steps:
        click.echo(f"{step.system} {step.revision} {'done' if step.up else 'undone'}")
    if not done.steps:
        click.echo("Nothing to do.")
