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
    """asyncpg's own pool would halve its pace: connections that are free lie on a stack."""

    def __init__(self, connections: list[Any]) -> None:
        super().__init__()
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)
        self._stored = asyncio.Event()
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()

    async def store(self, number: int) -> None:
        async with self._transaction() as connection:
            await connection.execute("INSERT INTO pace_note VALUES ($1, $2)", uuid4(), f"note {number}")
            await connection.execute("INSERT INTO pace_task (payload) VALUES ($1)", f'{{"number": {number}}}')
        self._stored.set()

    async def standing(self) -> tuple[int, int]:
        async with self._transaction() as connection:
            left = await connection.fetchval("SELECT count(*) FROM pace_task")
            return left, await connection.fetchval("SELECT count(*) FROM pace_effect")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        connection = await self._free.get()
        await connection.execute("BEGIN")
        yield connection
        await connection.execute("COMMIT")
        self._free.put_nowait(connection)

    async def claim_on(self) -> None:
        while True:
            await self._stored.wait()
            self._stored.clear()
            if self._waiting.qsize() < RUNNERS:
                async with self._transaction() as connection:
                    rows = await connection.fetch(_CLAIM)
                for row in rows:
                    self._waiting.put_nowait(row)

    async def run_on(self) -> None:
        while True:
            task = await self._waiting.get()
            self.began()
            number = int(task["payload"].partition(":")[2][:-1])
            async with self._transaction() as connection:
                await connection.execute("DELETE FROM pace_task WHERE id = $1", task["id"])
                await connection.execute("INSERT INTO pace_effect VALUES ($1, $2)", uuid4(), number)
            if self._waiting.qsize() < RUNNERS:
                self._stored.set()


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Side]:
    connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]
    await connections[0].execute(_TABLES)
    side = BareSide(connections)
    running = [asyncio.create_task(side.claim_on()), *(asyncio.create_task(side.run_on()) for _ in range(RUNNERS))]
    yield side
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for connection in connections:
        await connection.close()
