"""`septet` as it is typed, with the notes as the only system besides the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from septet import systems
from septet.cli.main import cli
from septet.core.floor import FLOOR
from support.app import running_septet
from support.sample_system import NOTES

Typed = Callable[..., Result]
CARDS = [FLOOR, NOTES]


def typed(database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `septet` and words, on a migrated database. `input` is what is on standard input."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SEPTET_DATABASE_URL", database_url)
    monkeypatch.setenv("SEPTET_DATA_DIR", str(folder))
    monkeypatch.setattr(systems, "installed_systems", lambda settings: CARDS)
    asyncio.run(_migrate(database_url, folder))
    return lambda *words, input=None: CliRunner().invoke(cli, words, input=input, prog_name="septet")


async def _migrate(database_url: str, folder: Path) -> None:
    async with running_septet(database_url, folder, systems=CARDS, doors=False):
        pass
