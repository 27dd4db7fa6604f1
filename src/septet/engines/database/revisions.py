"""A system's revisions: the files `0001_….py` in its migrations folder, in the order of their numbers.

The names of the files are all it takes to see whether a database is behind, so that a start with nothing to do
does not load Alembic. The expand/contract linter checks that the numbers tell the truth.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from septet.core.system import System

_FILE_NAME = re.compile(r"(\d{4})_\w+\.py")
NOTHING = None  # the version of a database that a system has not yet touched


class MigrationError(Exception):
    """The database cannot be brought to where it should be; the message says why, and what to do."""


MOVE_STATE = "septet_move"  # a table that is there while `septet move` is under way into a PostgreSQL database


class Standing(Struct, frozen=True):
    """Where a database stands with one system: `current` is its revision there, `known` those that the code has."""

    system: str
    current: str | None
    known: tuple[str, ...]

    @property
    def head(self) -> str | None:
        return self.known[-1] if self.known else NOTHING

    @property
    def is_newer(self) -> bool:
        """The database was migrated by a later release than this one."""
        return self.current is not None and self.current > (self.head or "")

    @property
    def missing(self) -> tuple[str, ...]:
        """What is to be run, oldest first."""
        return tuple(revision for revision in self.known if revision > (self.current or ""))


def revision_files(system: System) -> dict[str, Path]:
    """The system's revisions by their id, oldest first."""
    if system.migrations is None:
        return {}
    found = [(match[1], path) for path in system.migrations.iterdir() if (match := _FILE_NAME.fullmatch(path.name))]
    return dict(sorted(found))


def version_table(system_name: str) -> str:
    return f"{system_name}_version"


def standing(system: System, current: str | None) -> Standing:
    """Raise MigrationError for a version that neither this release nor a later one can have written."""
    found = Standing(system.name, current, tuple(revision_files(system)))
    if current is not None and current not in found.known and not found.is_newer:
        raise MigrationError(
            f"{version_table(system.name)} holds {current}, which is none of this release's revisions "
            f"({found.known[0]} to {found.head}): this database was not written by Septet's {system.name}"
        )
    return found
