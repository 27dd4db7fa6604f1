"""The end of a move: whatever happens at which moment, no server goes on with a file that was left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from septet.core.errors import Unavailable
from septet.core.floor import FLOOR
from septet.core.system import System
from septet.engines.database import move as moving
from septet.engines.database import open_database
from septet.engines.database.migrations import migrate_up, status
from septet.engines.database.presence import Presence
from septet.engines.database.revisions import MigrationError
from septet.engines.database.sqlite import moved_mark
from septet.settings import Settings
from support.databases import new_postgresql_database
from support.postgres import PostgresServer

SYSTEMS: Sequence[System] = [FLOOR]


@pytest.fixture
def target(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        yield url


async def move(path: Path, target: str) -> moving.Moved:
    return await moving.move(path, target, SYSTEMS, lambda line: None, patience=0.1)


async def test_cut_off_when_the_file_is_marked_the_same_move_goes_on(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "septet.db"
    await migrate_up(f"sqlite:///{path}", SYSTEMS)

    def killed(path: Path, url: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "mark_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            await move(path, target)
    with pytest.raises(MigrationError, match="is not finished"):
        await status(target, SYSTEMS)
    await move(path, target)
    assert moved_mark(path).exists()
    assert not any(found.missing for found in await status(target, SYSTEMS))


async def test_a_path_that_looks_like_a_quoted_one(tmp_path: Path, target: str) -> None:
    path = tmp_path / "100%25.db"
    await migrate_up(f"sqlite:///{tmp_path}/100%2525.db", SYSTEMS)
    assert path.exists()
    await move(path, target)
    assert moved_mark(path).exists()


@pytest.mark.parametrize(
    "url", ["postgresql://ann:secret@db/septet", "postgresql://db/septet?user=ann&password=secret"]
)
def test_the_mark_names_the_target_and_no_password(tmp_path: Path, url: str) -> None:
    path = tmp_path / "septet.db"
    moving.mark_moved(path, url)
    assert "db/septet" in moved_mark(path).read_text()
    assert "secret" not in moved_mark(path).read_text()


async def test_a_server_that_waited_for_the_end_of_a_move_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "septet.db"
    mover = Presence(path)
    assert mover.enter_alone()

    async def start() -> None:
        database = open_database(f"sqlite:///{path}", Settings())
        try:
            await database.start()
        finally:
            await database.close()

    starting = asyncio.create_task(start())
    await asyncio.sleep(0.1)
    moving.mark_moved(path, "postgresql://db/septet")
    mover.close()
    with pytest.raises(Unavailable, match="was moved to postgresql://db/septet"):
        await starting
    assert Presence(path).enter_alone()  # and has let go of the file
