"""A worker that is killed again and again loses no task, and what runs in a transaction is done exactly once.

SEPTET_TEST_TASKS sets how many tasks there are, 600 unless told otherwise.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from septet.core.context import Context
from septet.core.runtime import Runtime
from support import worker_process
from support.chores import Chore, Effect, Moved, list_effects, telephone, tidy
from support.tasks import chores, tasks_of

TASKS = int(os.environ.get("SEPTET_TEST_TASKS", "600"))
THINGS = 10
LONGEST_LIFE = 1.0  # seconds that a worker lives once it works, at most
MOST_LIVES = 200


@contextmanager
def worker(database_url: str, folder: Path) -> Iterator[None]:
    """A worker process that works, and is killed in mid-work at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, worker_process.__file__, database_url, str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line == b"working\n":
                break
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def store_all(runtime: Runtime) -> None:
    """A third runs in transactions, a third in steps, a third are events, in an order for each thing."""

    async def store_some(ctx: Context, numbers: range) -> None:
        for number in numbers:
            if number % 3 == 0:
                ctx.enqueue(tidy, Chore(number))
            elif number % 3 == 1:
                ctx.enqueue(telephone, Chore(number))
            else:
                ctx.publish(Moved(f"{number % THINGS}", number))

    for first in range(0, TASKS, 100):
        await runtime.context().write(store_some, range(first, min(first + 100, TASKS)))


def numbers_of(effects: list[Effect], kind: str) -> list[int]:
    return [effect.number for effect in effects if effect.kind == kind]


async def count_until(runtime: Runtime, enough: int) -> None:
    """Return when there are so many effects, nothing is left to do, or the worker has lived for long enough."""
    until = time.monotonic() + LONGEST_LIFE
    while time.monotonic() < until:
        if len(await effects(runtime)) >= enough or not await tasks_of(runtime):
            return
        time.sleep(0.002)  # nothing else runs in this event loop


async def effects(runtime: Runtime) -> list[Effect]:
    return await runtime.database.read(lambda tx: tx.all(list_effects))


@pytest.mark.timeout(60 + TASKS // 20)
def test_none_is_lost_and_none_is_done_twice(database_url: str, tmp_path: Path) -> None:
    lives, done = asyncio.run(kill_until_all_is_done(database_url, tmp_path))
    assert lives > 4
    assert sorted(numbers_of(done, "tidy")) == list(range(0, TASKS, 3))
    assert sorted(set(numbers_of(done, "telephone"))) == list(range(1, TASKS, 3))
    for thing in range(THINGS):
        moves = [number for number in range(2, TASKS, 3) if number % THINGS == thing]
        assert numbers_of(done, f"map {thing}") == moves
        assert numbers_of(done, f"log {thing}") == moves


async def kill_until_all_is_done(database_url: str, folder: Path) -> tuple[int, list[Effect]]:
    """The lives that it took, and the effects of all."""
    async with chores(database_url, folder) as septet:
        runtime = septet.runtime
        await store_all(runtime)
        lives = 0
        while await tasks_of(runtime) and lives < MOST_LIVES:
            lives += 1
            enough = len(await effects(runtime)) + TASKS // 8
            with worker(database_url, folder):
                await count_until(runtime, enough)
        assert await tasks_of(runtime) == []  # neither waiting nor dead
        print(f"{lives} lives")
        return lives, await effects(runtime)
