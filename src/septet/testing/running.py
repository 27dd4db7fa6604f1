"""A whole Septet inside a test: real database, real keys, mail in a local mailbox, time that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from septet.app import Septet, running
from septet.core.floor import FLOOR
from septet.core.system import System
from septet.settings import Settings
from septet.systems import installed_systems
from septet.testing.people import PEOPLE


class Clock:
    """Stands still until told to move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """`advance(minutes=5)`: as the arguments of timedelta."""
        self.now += timedelta(**by)


@asynccontextmanager
async def running_septet(
    database_url: str,
    folder: Path,
    *,
    systems: Sequence[System] | None = None,
    system_settings: Sequence[Struct] = (),
    clock: Clock | None = None,
    work: bool = False,
    doors: bool = True,
    **settings: Any,
) -> AsyncIterator[Septet]:
    """Septet on `database_url`, migrated, with its data in `folder`.

    systems: those that run, all that are installed by default. The floor is always there; and where none of them
    knows who is asking, whoever gives a name as a token is taken at their word: see `client_of`.
    system_settings: those that are not at their defaults. settings: the floor's; limits are off unless said.
    work: run tasks beside the test; without it, `await septet.worker.run_due()` runs what is due.
    """
    floor = Settings(data_dir=folder, database_url=database_url, **{"limits": False, "records": 0, **settings})
    cards = _with_floor_and_people(systems) if systems is not None else installed_systems(floor)
    kinds: dict[type[Struct], Struct] = {card.settings: card.settings() for card in cards if card.settings}
    kinds.update({type(given): given for given in system_settings})
    async with running(floor, kinds, cards, doors=doors, work=work, clock=clock or Clock()) as septet:
        yield septet


@asynccontextmanager
async def client_of(septet: Septet, name: str | None = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that calls the application in this process: nobody, or whoever `name` says, as a member."""
    transport = httpx.ASGITransport(app=septet.asgi, raise_app_exceptions=True, client=("203.0.113.7", 4711))
    headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {name}"} if name else {})}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://septet.test", headers=headers, **options
    ) as client:
        yield client


def _with_floor_and_people(systems: Sequence[System]) -> list[System]:
    floor = [] if FLOOR in systems else [FLOOR]
    people = [] if any(system.authenticate for system in systems) else [PEOPLE]
    return [*floor, *systems, *people]
