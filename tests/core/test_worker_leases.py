"""A worker holds its tasks by leases: it keeps them as long as it lives, and loses them when it does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, update

from septet.core import outbox_queries as queries
from septet.core import tables, worker
from septet.core.context import Context
from septet.core.database import many, run
from septet.core.delivery import Delivery, Held
from septet.core.errors import Conflict
from septet.core.ids import new_id
from septet.core.outbox_queries import Listed
from septet.core.runtime import Runtime
from septet.core.tasks import retry_task, show_task
from support.app import Clock
from support.chores import Chore, effects_of, fragile, script_of, telephone, tidy
from support.tasks import chores, store, tasks_of, until

LEASE = 1.0  # of the chores' tasks


async def claim(runtime: Runtime, *, after: float = 0.0) -> list[Held]:
    """Take what is due `after` so many seconds, as a worker does that then says no more."""
    lease = new_id()
    ctx = runtime.context()
    ctx._now = runtime.clock() + timedelta(seconds=after)
    rows = await ctx.write_hot(worker.claim, [*runtime.registry.tasks], lease, LEASE, 100)
    return [Held(runtime.registry.tasks[row.name], row, lease) for row in rows]


async def only_task(runtime: Runtime) -> Listed:
    (task,) = await tasks_of(runtime)
    return task


async def test_what_a_dead_worker_held_is_adopted_when_its_lease_ends(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        assert len(await claim(septet.runtime)) == 1
        clock.advance(seconds=LEASE / 2)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "tidy") == []
        clock.advance(seconds=LEASE)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "tidy") == [1]


async def test_a_task_that_outlives_none_of_its_workers_is_dead(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(fragile, Chore(1)))
        for deaths in range(3):
            (held,) = await claim(septet.runtime)
            assert held.claimed.attempts == deaths
            clock.advance(seconds=LEASE)
        await septet.worker.run_due()
        task = await only_task(septet.runtime)
        assert (task.state, task.last_error) == ("dead", "its worker died or stalled while it held this task")
        assert script_of(septet.runtime).calls["fragile"] == []


async def test_a_worker_that_stalled_does_nothing_with_what_it_lost(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        (stalled,) = await claim(septet.runtime)
        clock.advance(seconds=LEASE)
        await septet.worker.run_due()
        await Delivery(septet.runtime).attempt(stalled)
        assert await effects_of(septet.runtime, "tidy") == [1]


async def test_a_delivery_that_comes_twice_is_done_once(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        (held,) = await claim(septet.runtime)
        delivery = Delivery(septet.runtime)
        await asyncio.gather(delivery.attempt(held), delivery.attempt(held), delivery.attempt(held))
        assert await effects_of(septet.runtime, "tidy") == [1]
        assert await tasks_of(septet.runtime) == []


async def test_a_failure_of_one_that_lost_its_lease_changes_nothing(database_url: str, tmp_path: Path) -> None:
    clock = Clock()

    async def fail(ctx: Context, number: int) -> None:
        raise ValueError

    async with chores(database_url, tmp_path, clock) as septet:
        script_of(septet.runtime).before["telephone"] = fail
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        (stalled,) = await claim(septet.runtime)
        clock.advance(seconds=LEASE)
        (adopted,) = await claim(septet.runtime)
        await Delivery(septet.runtime).attempt(stalled)
        task = await only_task(septet.runtime)
        assert (task.lease, task.attempts, task.last_error) == (adopted.lease, 1, None)


async def test_a_long_task_keeps_its_lease(database_url: str, tmp_path: Path) -> None:
    clock, ring, answered = Clock(), asyncio.Event(), asyncio.Event()

    async def wait(ctx: Context, number: int) -> None:
        ring.set()
        await answered.wait()

    async with chores(database_url, tmp_path, clock, work=True) as septet:
        script = script_of(septet.runtime)
        script.before["telephone"] = wait
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        await ring.wait()

        async def is_extended() -> bool:
            task = await show_task(septet.runtime, (await only_task(septet.runtime)).id)
            return task.claim_at == clock() + timedelta(seconds=LEASE)

        for _ in range(2):
            clock.advance(seconds=LEASE * 0.9)
            await until(is_extended)
            assert await claim(septet.runtime) == []
        answered.set()

        async def is_done() -> bool:
            return await effects_of(septet.runtime, "telephone") == [1]

        await until(is_done)
        assert script.calls["telephone"] == [1]


async def test_a_task_whose_lease_is_lost_is_stopped(database_url: str, tmp_path: Path) -> None:
    ring, stopped = asyncio.Event(), asyncio.Event()

    async def wait(ctx: Context, number: int) -> None:
        ring.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    async with chores(database_url, tmp_path, work=True) as septet:
        script_of(septet.runtime).before["telephone"] = wait
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        await ring.wait()
        (other,) = await claim(septet.runtime, after=LEASE)
        await asyncio.wait_for(stopped.wait(), 10)
        task = await only_task(septet.runtime)
        assert (task.lease, task.attempts) == (other.lease, 1)
        assert await effects_of(septet.runtime, "telephone") == []


async def test_the_next_of_an_order_waits_for_the_one_that_is_held(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        for number in (1, 2):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(tidy, Chore(n), ordered_by="attic"))
        (first,) = await claim(septet.runtime)
        assert await claim(septet.runtime) == []
        await Delivery(septet.runtime).attempt(first)
        (second,) = await claim(septet.runtime)
        assert (first.claimed.id, second.claimed.attempts) == (second.claimed.id - 1, 0)


async def test_one_that_comes_back_from_the_dead_waits_for_its_turn(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        for number in (1, 2):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(fragile, Chore(n), ordered_by="attic"))
        (first,) = await claim(septet.runtime)
        await bury(septet.runtime, first)
        (second,) = await claim(septet.runtime)
        await retry_task(septet.runtime, first.claimed.id)
        assert await claim(septet.runtime) == []
        clock.advance(seconds=LEASE)  # the worker of the second dies: that one is adopted before the first may run
        (adopted,) = await claim(septet.runtime)
        assert adopted.claimed.id == second.claimed.id
        await Delivery(septet.runtime).attempt(adopted)
        (first_again,) = await claim(septet.runtime)
        assert first_again.claimed.id == first.claimed.id


async def bury(runtime: Runtime, held: Held) -> None:
    async def work(ctx: Context) -> None:
        await ctx.tx.run(queries.bury_task, **held.place, died_at=ctx.now, attempts=2, last_error="")

    await runtime.context().write_hot(work)


async def test_the_database_refuses_two_of_an_order_at_once(database_url: str, tmp_path: Path) -> None:
    hold = run(update(tables.tasks).where(tables.tasks.c.id == bindparam("task")).values(lease=bindparam("lease")))

    async def hold_all(ctx: Context, tasks: list[Listed]) -> None:
        for task in tasks:
            await ctx.tx.run(hold, task=task.id, lease=new_id())

    async with chores(database_url, tmp_path) as septet:
        for number in (1, 2):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(tidy, Chore(n), ordered_by="attic"))
        with pytest.raises(Conflict):
            await septet.runtime.context().write(hold_all, await tasks_of(septet.runtime))


async def test_claimers_at_the_same_moment_share_without_overlap(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        for number in range(40):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(tidy, Chore(n), ordered_by=f"{n % 10}"))
        shares = await asyncio.gather(*(claim(septet.runtime) for _ in range(8)))
        ids = [held.claimed.id for share in shares for held in share]
        assert len(ids) == len(set(ids)) == 10


async def test_a_transaction_that_outlasts_its_lease_is_still_the_only_one(database_url: str, tmp_path: Path) -> None:
    """On PostgreSQL the transaction locks the row it deletes; on SQLite nobody else writes meanwhile."""
    clock, begun, go_on = Clock(), asyncio.Event(), asyncio.Event()

    async def wait(ctx: Context, number: int) -> None:
        begun.set()
        await go_on.wait()

    if database_url.startswith("sqlite"):
        return
    async with chores(database_url, tmp_path, clock, work=True) as septet:
        script_of(septet.runtime).before["tidy"] = wait
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        await begun.wait()
        clock.advance(seconds=LEASE * 2)
        assert await claim(septet.runtime) == []
        go_on.set()

        async def is_done() -> bool:
            return await effects_of(septet.runtime, "tidy") == [1]

        await until(is_done)
        assert script_of(septet.runtime).calls["tidy"] == [1]


async def test_a_long_line_behind_one_task_is_set_aside_and_still_handed_over(
    database_url: str, tmp_path: Path
) -> None:
    due = many(
        select(tables.tasks.c.id).where(tables.tasks.c.claim_at <= bindparam("now")).order_by(tables.tasks.c.id),
        into=queries.Found,
    )

    async def store_line(ctx: Context) -> None:
        for number in range(250):
            ctx.enqueue(tidy, Chore(number), ordered_by="attic")

    async with chores(database_url, tmp_path, work=True, task_poll=60.0, task_runners=1) as septet:
        runtime = septet.runtime
        ring, answered = asyncio.Event(), asyncio.Event()

        async def wait(ctx: Context, number: int) -> None:
            ring.set()
            await answered.wait()

        script_of(runtime).before["telephone"] = wait
        await store(runtime, lambda ctx: ctx.enqueue(telephone, Chore(0), ordered_by="attic"))
        await ring.wait()
        await runtime.context().write(store_line)

        async def none_is_in_the_way() -> bool:
            return await runtime.database.read(lambda tx: tx.all(due, now=runtime.clock())) == []

        await until(none_is_in_the_way)
        answered.set()

        async def all_are_done() -> bool:
            return await tasks_of(runtime) == []

        await until(all_are_done, 30)
        assert await effects_of(runtime, "tidy") == list(range(250))
