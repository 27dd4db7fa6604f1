"""What is refused before anybody is answered."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import bindparam, delete

from septet.core.database import run
from septet.core.floor import FLOOR
from septet.core.system import System
from support.app import running_septet
from support.things import things


def shop() -> System:
    queries = ModuleType("shop.queries")
    queries.__dict__["find"] = run(delete(things).where(bindparam("untyped")))
    return System(name="shop", summary="Sells.", modules=(), queries=queries)


@pytest.mark.parametrize(("doors", "work"), [(True, False), (False, True)])
async def test_a_query_that_cannot_be_compiled_is_refused_at_start(
    database_url: str, tmp_path: Path, doors: bool, work: bool
) -> None:
    with pytest.raises(TypeError, match=r"^shop\.queries\.find: .*no type"):
        async with running_septet(database_url, tmp_path, systems=[FLOOR, shop()], doors=doors, work=work):
            pytest.fail("it started")


async def test_a_command_compiles_only_what_it_asks(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=[FLOOR, shop()], doors=False) as septet:
        assert await septet.runtime.database.ready()
