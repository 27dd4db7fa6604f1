"""A schedule fires once at each multiple of its interval, however many processes run, or did not run."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

from septet.core import outbox_queries as queries
from septet.core.context import Context
from septet.core.runtime import Runtime
from septet.core.schedules import Schedules, next_multiple
from septet.core.tasks import list_tasks
from support.app import Clock
from support.chores import effects_of
from support.tasks import chores

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


async def sweeps(runtime: Runtime) -> list[str]:
    return [f"{datetime.fromtimestamp(at, timezone.utc):%H:%M}" for at in await effects_of(runtime, "sweep")]


async def plan(runtime: Runtime, name: str, next_at: datetime) -> None:
    async def work(ctx: Context) -> None:
        await ctx.tx.run(queries.plan_schedule, name=name, next_at=next_at)

    await runtime.context().write_hot(work)


async def planned(runtime: Runtime, name: str = "chores.sweep") -> datetime:
    (schedule,) = await runtime.database.read(lambda tx: tx.all(queries.list_schedules, names=[name]))
    return schedule.next_at


def test_the_next_multiple_is_always_later() -> None:
    hour = timedelta(hours=1)
    assert next_multiple(NOON, hour) == NOON + hour
    assert next_multiple(NOON + timedelta(microseconds=1), hour) == NOON + hour
    assert next_multiple(NOON - timedelta(microseconds=1), hour) == NOON
    assert next_multiple(NOON, timedelta(days=1)) == NOON + timedelta(hours=12)


async def test_it_fires_at_the_next_multiple_and_then_at_each(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    clock.advance(minutes=30)
    async with chores(database_url, tmp_path, clock) as septet:
        for _ in range(6):
            await septet.worker.run_due()
            await septet.worker.run_due()
            clock.advance(minutes=30)
        assert await sweeps(septet.runtime) == ["13:00", "14:00", "15:00"]


async def test_it_fires_once_across_processes(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path / "1", clock) as one, chores(database_url, tmp_path / "2", clock) as two:
        for _ in range(4):
            await asyncio.gather(*(Schedules(septet.runtime).fire_due() for septet in (one, two, one, two)))
            await asyncio.gather(one.worker.run_due(), two.worker.run_due())
            clock.advance(hours=1)
        assert await sweeps(one.runtime) == ["13:00", "14:00", "15:00"]


async def test_windows_that_were_missed_fire_once(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await septet.worker.run_due()
    clock.advance(hours=7, minutes=20)
    async with chores(database_url, tmp_path, clock) as septet:
        await septet.worker.run_due()
        assert await sweeps(septet.runtime) == ["19:20"]
        clock.advance(minutes=40)
        await septet.worker.run_due()
        assert await sweeps(septet.runtime) == ["19:20", "20:00"]


async def test_it_does_not_pile_up_while_nobody_runs_it(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        schedules = Schedules(septet.runtime)
        for _ in range(4):
            await schedules.fire_due()
            clock.advance(hours=1)
        assert [task.name for task in await list_tasks(septet.runtime, name="chores.sweep")] == ["chores.sweep"]


async def test_a_shorter_interval_takes_effect_at_once(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await plan(septet.runtime, "chores.sweep", NOON + timedelta(days=30))  # as of a release that swept monthly
        await Schedules(septet.runtime).fire_due()
        assert await planned(septet.runtime) == NOON + timedelta(hours=1)


async def test_the_row_of_a_schedule_that_is_no_more_is_left_alone(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await plan(septet.runtime, "chores.polish", NOON)
        clock.advance(hours=3)
        await septet.worker.run_due()
        assert await planned(septet.runtime, "chores.polish") == NOON
        assert await list_tasks(septet.runtime, name="chores.polish") == []


async def test_between_its_moments_it_costs_nothing(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        schedules = Schedules(septet.runtime)
        await schedules.fire_due()
        await septet.runtime.database.close()  # whoever asks it now fails
        clock.advance(minutes=9)  # the floor sweeps every ten
        await schedules.fire_due()
