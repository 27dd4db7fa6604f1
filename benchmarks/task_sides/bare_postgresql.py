"""The limit on PostgreSQL: asyncpg does the same rows, with no system around it.

A task is a row with an index on when it is due; a hundred are taken at once; each is deleted, and its effect
inserted, in one transaction. No payload is typed, no task has a name, nothing is retried, nobody's death is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.task_sides.side import CONNECTIONS, RUNNERS, Side

_TABLES = """
CREATE TABLE pace_note (id uuid PRIMARY KEY, text text NOT NULL);
CREATE TABLE pace_effect (id uuid PRIMARY KEY, number integer NOT NULL);
CREATE TABLE pace_task (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL,
    run_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX pace_due ON pace_task (run_at, id);
"""
_CLAIM = """
WITH due AS (SELECT id FROM pace_task WHERE run_at <= now() ORDER BY run_at, id LIMIT 100 FOR UPDATE SKIP LOCKED)
UPDATE pace_task SET run_at = now() + interval '30 s' WHERE id IN (SELECT id FROM due) RETURNING id, payload
"""


class BareSide(Side):
    def __init__(self, pool: Any) -> None:
        super().__init__()
        self._pool = pool
        self._stored = asyncio.Event()
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()

    async def store(self, number: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("INSERT INTO pace_note VALUES ($1, $2)", uuid4(), f"note {number}")
            await connection.execute("INSERT INTO pace_task (payload) VALUES ($1)", f'{{"number": {number}}}')
        self._stored.set()

    async def standing(self) -> tuple[int, int]:
        left = await self._pool.fetchval("SELECT count(*) FROM pace_task")
        return left, await self._pool.fetchval("SELECT count(*) FROM pace_effect")

    async def claim_on(self) -> None:
        while True:
            await self._stored.wait()
            self._stored.clear()
            if self._waiting.qsize() < RUNNERS:
                for row in await self._pool.fetch(_CLAIM):
                    self._waiting.put_nowait(row)

    async def run_on(self) -> None:
        while True:
            task = await self._waiting.get()
            self.began()
            number = int(task["payload"].partition(":")[2][:-1])
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("DELETE FROM pace_task WHERE id = $1", task["id"])
                await connection.execute("INSERT INTO pace_effect VALUES ($1, $2)", uuid4(), number)
            if self._waiting.qsize() < RUNNERS:
                self._stored.set()


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Side]:
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(_TABLES)
        side = BareSide(pool)
        running = [asyncio.create_task(side.claim_on()), *(asyncio.create_task(side.run_on()) for _ in range(RUNNERS))]
        yield side
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
