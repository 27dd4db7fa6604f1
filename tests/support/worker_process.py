"""A worker as a process of its own, to be killed: `python worker_process.py DATABASE_URL FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from septet.app import running
from septet.core.floor import FLOOR
from septet.settings import Settings
from support.chores import CHORES


async def work(database_url: str, folder: Path) -> None:
    """Run chores until killed, and say when that begins."""
    settings = Settings(data_dir=folder, database_url=database_url, limits=False, task_poll=0.05)
    async with running(settings, {}, [FLOOR, CHORES], doors=False, work=True):
        print("working", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
