"""The limit on SQLite: the sqlite3 module does the same rows, with no system around it.

What all clients want to store shares a commit, and so do the tasks that were taken at once: each commit waits for
the disk in the event loop's own thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.task_sides.side import Side

_TABLES = """
PRAGMA journal_mode = wal;
PRAGMA synchronous = full;
PRAGMA wal_autocheckpoint = 4000;
CREATE TABLE pace_note (id blob PRIMARY KEY, text text NOT NULL);
CREATE TABLE pace_effect (id blob PRIMARY KEY, number integer NOT NULL);
CREATE TABLE pace_task (id integer PRIMARY KEY AUTOINCREMENT, payload text NOT NULL, run_at integer NOT NULL);
CREATE INDEX pace_due ON pace_task (run_at, id);
"""
_CLAIM = """
UPDATE pace_task SET run_at = 30 WHERE id IN (SELECT id FROM pace_task WHERE run_at = 0 ORDER BY run_at, id LIMIT 100)
RETURNING id, payload
"""


class BareSide(Side):
    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._execute = connection.execute
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._stir = asyncio.Event()

    async def store(self, number: int) -> None:
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((number, stored))
        self._stir.set()
        await stored

    async def standing(self) -> tuple[int, int]:
        counts: Any = self._execute("SELECT (SELECT count(*) FROM pace_task), (SELECT count(*) FROM pace_effect)")
        return counts.fetchone()  # type: ignore[no-any-return]

    async def keep_on(self) -> None:
        while True:
            await self._stir.wait()
            self._stir.clear()
            self._store_all()
            while self._run_some():
                await asyncio.sleep(0)
                self._store_all()

    def _store_all(self) -> None:
        stored, self._waiting = self._waiting, []
        if not stored:
            return
        self._execute("BEGIN IMMEDIATE")
        for number, _ in stored:
            self._execute("INSERT INTO pace_note VALUES (?, ?)", (uuid4().bytes, f"note {number}"))
            self._execute("INSERT INTO pace_task (payload, run_at) VALUES (?, 0)", (f'{{"number": {number}}}',))
        self._execute("COMMIT")
        for _, answer in stored:
            answer.set_result(None)

    def _run_some(self) -> bool:
        """Claim and run: two transactions, so that a task that was begun by a dead process is known."""
        self._execute("BEGIN IMMEDIATE")
        claimed = self._execute(_CLAIM).fetchall()
        self._execute("COMMIT")
        if not claimed:
            return False
        self._execute("BEGIN IMMEDIATE")
        for task, payload in claimed:
            self.began()
            self._execute("DELETE FROM pace_task WHERE id = ?", (task,))
            number = int(payload.partition(":")[2][:-1])
            self._execute("INSERT INTO pace_effect VALUES (?, ?)", (uuid4().bytes, number))
        self._execute("COMMIT")
        return True


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Side]:
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript(_TABLES)
    side = BareSide(connection)
    running = asyncio.create_task(side.keep_on())
    yield side
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    connection.close()
