"""Bringing a database to the revisions that the systems declare.

Each system has its own line of revisions and its own version table, `<system>_version`. A start compares versions
with one SELECT a system; Alembic and what it needs is loaded only if the database is behind.

    sqlite        `serve` backs the file up and migrates it
    postgresql    `serve` migrates an empty database; any other waits for `septet migrate up`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from msgspec import Struct

from septet.core.system import System
from septet.engines.database import sqlite_path
from septet.engines.database.revisions import MigrationError, Standing, standing
from septet.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
BASE = "base"  # where nothing of a system is there
BACKUPS = "backups"  # the folder, in the data folder, of copies taken before migrating

log = structlog.get_logger(__name__)


class Turn(Protocol):
    """The right to change the database's tables, which one process has at a time."""

    async def change(self, work: Callable[[Connection], T]) -> T: ...

    @staticmethod
    def before_commit(connection: Connection) -> None: ...


class Store(Protocol):
    """A database whose tables are to be kept up with the code."""

    embedded: bool

    async def versions(self, systems: Sequence[str]) -> dict[str, str | None] | None: ...

    def exclusive(self) -> AbstractAsyncContextManager[Turn]: ...

    async def back_up(self, folder: Path, versions: Mapping[str, str | None]) -> Path: ...


class Step(Struct, frozen=True):
    """One revision that was run, up or down."""

    system: str
    revision: str
    up: bool


class Done(Struct, frozen=True):
    """What was done: the revisions that ran, in order, and the copy that was taken of a SQLite file before."""

    steps: list[Step]
    backup: Path | None = None


async def current(url: str, systems: Sequence[System]) -> dict[str, str | None]:
    """Each system's revision in the database at `url`; None where it has no table yet."""
    names = [system.name for system in systems]
    return await open_store(url).versions(names) or dict.fromkeys(names)


async def status(url: str, systems: Sequence[System]) -> list[Standing]:
    """Where the database stands with each system. Raises MigrationError for versions that are not Septet's."""
    return _standings(systems, await current(url, systems))


async def prepare_database(url: str, systems: Sequence[System], data_dir: Path) -> None:
    """What `serve` does with its database before it answers. Raises MigrationError if it may not or cannot.

    A database that a later release migrated is used as it is: that is how one goes back to the previous release.
    """
    standings = await status(url, systems)
    if any(found.missing for found in standings):
        await _catch_up(open_store(url), systems, data_dir)
        standings = await status(url, systems)
    for found in standings:
        if found.is_newer:
            log.warning("the database is newer than this release", system=found.system, revision=found.current)


async def migrate_up(
    url: str, systems: Sequence[System], *, to: str | None = None, backups: Path | None = None
) -> Done:
    """Run what is missing of `systems`, in their order, at most until the revision `to`.

    Each revision is a transaction: after a failure those before it stand. A SQLite file that is about to change is
    first copied into the folder `backups`.
    """
    _check_target(systems, to)
    store = open_store(url)
    async with store.exclusive() as turn:
        versions = await store.versions([system.name for system in systems])
        standings = _standings(systems, versions or {})
        steps = [
            Step(s.system, revision, True) for s in standings for revision in s.missing if not to or revision <= to
        ]
        return await _run(store, turn, systems, steps, backups, versions)


async def migrate_down(url: str, systems: Sequence[System], *, to: str, backups: Path | None = None) -> Done:
    """Undo the revisions of `systems` after the revision `to`, or all for `BASE`, the last system's first."""
    _check_target(systems, None if to == BASE else to)
    store = open_store(url)
    async with store.exclusive() as turn:
        versions = await store.versions([system.name for system in systems])
        steps = []
        for found in reversed(_standings(systems, versions or {})):
            if found.is_newer:
                raise MigrationError(f"{found.system} is at {found.current}: only the release that has it can undo it")
            undone = [one for one in found.known if one <= (found.current or "") and (to == BASE or one > to)]
            steps += [Step(found.system, revision, False) for revision in reversed(undone)]
        return await _run(store, turn, systems, steps, backups, versions)


async def _catch_up(store: Store, systems: Sequence[System], data_dir: Path) -> None:
    """Decided while nobody else migrates: who waited for another process may find the work done."""
    async with store.exclusive() as turn:
        versions = await store.versions([system.name for system in systems])
        standings = _standings(systems, versions or {})
        steps = [Step(found.system, revision, True) for found in standings for revision in found.missing]
        if steps and versions is not None and not store.embedded:
            behind = ", ".join(sorted({step.system for step in steps}))
            raise MigrationError(f"the database is behind this release ({behind}): run `septet migrate up`, then start")
        done = await _run(store, turn, systems, steps, data_dir / BACKUPS, versions)
    if done.backup:
        log.info("backed the database up before migrating it", file=str(done.backup))
    for step in done.steps:
        log.info("migrated", system=step.system, revision=step.revision)


async def _run(
    store: Store,
    turn: Turn,
    systems: Sequence[System],
    steps: Sequence[Step],
    backups: Path | None,
    versions: Mapping[str, str | None] | None,
) -> Done:
    """`versions` is None for a database with nothing in it, which needs no backup."""
    backup = None
    if steps and store.embedded and versions is not None and backups is not None:
        backup = await store.back_up(backups, versions)
    by_name = {system.name: system for system in systems}
    for step in steps:
        await _run_step(turn, by_name[step.system], step)
    return Done(list(steps), backup)


async def _run_step(turn: Turn, system: System, step: Step) -> None:
    from septet.engines.database.alembic_steps import run_revision

    def work(connection: Connection) -> None:
        run_revision(connection, system, step.revision, up=step.up, before_commit=turn.before_commit)

    try:
        await turn.change(work)
    except Exception as error:
        way = "up" if step.up else "down"
        raise MigrationError(f"{step.system} {step.revision} {way} failed, those before it stand: {error}") from error


def _standings(systems: Sequence[System], versions: Mapping[str, str | None]) -> list[Standing]:
    return [standing(system, versions.get(system.name)) for system in systems if system.migrations is not None]


def _check_target(systems: Sequence[System], to: str | None) -> None:
    for found in _standings(systems, {}):
        if to is not None and to not in found.known:
            raise MigrationError(f"{found.system} has no revision {to}; it has {', '.join(found.known) or 'none'}")


def open_store(url: str) -> Store:
    """The store at `url`; its module, and the driver, are loaded here."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from septet.engines.database.migrate_sqlite import SqliteStore

        return SqliteStore(sqlite_path(url, Settings()))
    if scheme in ("postgresql", "postgres"):
        from septet.engines.database.migrate_postgresql import PostgresqlStore

        return PostgresqlStore(url)
    raise MigrationError(f"{scheme}: no such database; it is sqlite:///path or postgresql://…")
