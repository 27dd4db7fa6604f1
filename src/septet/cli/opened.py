"""This application opened for one command: without doors and without tasks, on a database that is up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from septet.cli.common import FAILED, fail, load_settings
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.app import Septet
    from septet.core.system import System


class Chosen(Struct, frozen=True):
    """The settings, and the systems that they choose."""

    settings: Settings
    of_systems: Mapping[type[Struct], Struct]
    systems: Sequence[System]


def load_chosen() -> Chosen:
    from septet.systems import installed_systems

    settings, of_systems = load_settings()
    return Chosen(settings, of_systems, installed_systems(settings))


@asynccontextmanager
async def opened_septet(chosen: Chosen) -> AsyncIterator[Septet]:
    """Leaves, saying what to do, if there is no database, or if it lacks tables of this release."""
    from septet.app import database_url, running
    from septet.engines.database import migrations

    settings = chosen.settings
    standings = await migrations.status(database_url(settings), chosen.systems)
    if all(standing.current is None for standing in standings):
        fail("there is no database yet: septet serve makes it, or septet migrate up", FAILED)
    if any(standing.missing for standing in standings):
        fail("the database is behind this release: septet migrate up, or septet serve, brings it up", FAILED)
    async with running(settings, chosen.of_systems, chosen.systems, doors=False, work=False, migrate=False) as septet:
        yield septet
