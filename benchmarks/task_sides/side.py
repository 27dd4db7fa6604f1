"""What a side can do, and how it is measured: `python -m benchmarks.task_sides.side NAME URL FOLDER COUNT`."""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import sys
import time
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import uvloop

CLIENTS = 32  # that store at the same moment
RUNNERS = 16  # tasks that run at the same moment
CONNECTIONS = 10  # to PostgreSQL, of each pool
ALONE = 100  # tasks stored one by one, each once the one before has begun


class Side(ABC):
    """Its tasks write a row and call `began`."""

    def __init__(self) -> None:
        self.runs = 0
        self.change = asyncio.Event()

    def began(self) -> None:
        """A task began to run."""
        self.runs += 1
        self.change.set()

    @abstractmethod
    async def store(self, number: int) -> None:
        """Insert a note and a task about it in one transaction, durable on return."""

    @abstractmethod
    async def standing(self) -> tuple[int, int]:
        """How many tasks there still are, and how many rows the tasks wrote."""


class Opened(Protocol):
    """`opened` of each side's module: the side, its worker running."""

    def __call__(self, url: str, folder: Path) -> AbstractAsyncContextManager[Side]: ...


async def measure(side: Side, count: int) -> dict[str, Any]:
    """Tasks a second, stored and run at the same time, processor time a task, and how soon a lone one begins."""
    waits = [await _wait_for_one(side, -number) for number in range(1, ALONE + 1)]
    await _until_done(side, ALONE)
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await side.store(number)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    stored = time.perf_counter()
    await _until_done(side, ALONE + count)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    return {
        "rate": count / (ended - begun),
        "stored": count / (stored - begun),
        "cpu": cpu / count * 1e6,
        "wait": statistics.median(waits) * 1000,
    }


async def _wait_for_one(side: Side, number: int) -> float:
    """Seconds from its durable store to its beginning."""
    runs = side.runs
    side.change.clear()
    await side.store(number)
    stored = time.perf_counter()
    while side.runs == runs:
        await side.change.wait()
        side.change.clear()
    return time.perf_counter() - stored


async def _until_done(side: Side, count: int) -> None:
    """Until all `count` tasks ran and are ended; every effect must then be there once."""
    while side.runs < count:
        side.change.clear()
        await side.change.wait()
    while (standing := await side.standing())[0] > 0:
        await asyncio.sleep(0.001)
    if standing != (0, count):
        raise RuntimeError(f"{count} tasks left {standing[1]} rows")


async def main(name: str, url: str, folder: str, count: str) -> None:
    opened: Opened = importlib.import_module(f"benchmarks.task_sides.{name}").opened
    async with opened(url, Path(folder)) as side:
        print(json.dumps(await measure(side, int(count))))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
