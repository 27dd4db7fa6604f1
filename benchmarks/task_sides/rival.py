"""The rival, procrastinate, on psycopg: deferred on the transaction's own connection, as its documentation teaches.

Its jobs are deleted when they end, as ours are. A task writes its row in a transaction of its own, since
procrastinate ends a job in another one: a worker that is killed between the two runs it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from benchmarks.task_sides.side import CONNECTIONS, RUNNERS, Side


class ProcrastinateSide(Side):
    def __init__(self, pool: AsyncConnectionPool[Any], task: Any) -> None:
        super().__init__()
        self._pool = pool
        self._task = task

    async def store(self, number: int) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("INSERT INTO pace_note VALUES (%s, %s)", (uuid4(), f"note {number}"))
            await self._task.configure(connection=connection).defer_async(number=number)

    async def standing(self) -> tuple[int, int]:
        async with self._pool.connection() as connection:
            jobs = await (await connection.execute("SELECT count(*) FROM procrastinate_jobs")).fetchone()
            effects = await (await connection.execute("SELECT count(*) FROM pace_effect")).fetchone()
        return jobs[0], effects[0]


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Side]:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url, min_size=CONNECTIONS, max_size=CONNECTIONS, open=False, kwargs={"autocommit": True}
    )
    app = App(connector=PsycopgConnector(conninfo=url, min_size=CONNECTIONS, max_size=CONNECTIONS))

    @app.task(name="take_effect")
    async def take_effect(number: int) -> None:
        side.began()
        async with pool.connection() as connection:
            await connection.execute("INSERT INTO pace_effect VALUES (%s, %s)", (uuid4(), number))

    side = ProcrastinateSide(pool, take_effect)
    async with pool, app.open_async():
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE pace_note (id uuid PRIMARY KEY, text text NOT NULL)")
            await connection.execute("CREATE TABLE pace_effect (id uuid PRIMARY KEY, number integer NOT NULL)")
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(concurrency=RUNNERS, delete_jobs="always", install_signal_handlers=False)
        )
        yield side
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
