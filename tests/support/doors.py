"""The notes system behind its doors, for tests of HTTP itself; what it stores there is beside the point."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.core.floor import FLOOR
from septet.core.system import System
from support.app import running_septet
from support.databases import new_sqlite_database
from support.sample_system import NOTES


@asynccontextmanager
async def open_door(folder: Path, *more: System, **settings: Any) -> AsyncIterator[Septet]:
    """Notes on SQLite, and `more` systems beside them."""
    systems: Sequence[System] = [FLOOR, NOTES, *more]
    async with running_septet(new_sqlite_database(folder), folder, systems=systems, **settings) as septet:
        yield septet


def named(*cases: Any) -> Any:
    """Parameters of a test, each a tuple that begins with its name."""
    return [pytest.param(*values, id=name) for name, *values in cases]
