"""Tasks are run once, in their order, put off when they fail, and buried when they fail for good."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Raw

from septet.core import outbox_queries as queries
from septet.core.context import SERVER, Context
from septet.core.delivery import FIRST_DELAY, LONGEST_DELAY, backoff, describe
from septet.core.errors import Conflict, NotFound, Unavailable
from septet.core.runtime import Runtime
from septet.core.tasks import cancel_task, list_tasks, retry_dead_tasks, retry_task, show_task, task_counts
from support.app import Clock
from support.chores import Chore, Moved, Renamed, effects_of, fragile, script_of, telephone, tidy
from support.tasks import chores, store, tasks_of, until


async def fail(ctx: Context, number: int) -> None:
    raise ValueError(f"number {number} cannot be done\nDETAIL: a secret")


async def insert_raw(runtime: Runtime, name: str, payload: bytes, version: int = 1) -> None:
    """A task as another release, or another system's process, stored it."""

    async def insert(ctx: Context) -> None:
        await ctx.tx.run(
            queries.insert_task,
            name=name,
            version=version,
            payload=Raw(payload),
            ordered_by=None,
            run_at=ctx.now,
            created_at=ctx.now,
            traceparent=None,
        )

    await runtime.context().write(insert)


async def test_tasks_run_as_the_server_and_are_gone(database_url: str, tmp_path: Path) -> None:
    seen: list[Context] = []

    async def look(ctx: Context, number: int) -> None:
        seen.append(ctx)

    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["tidy"] = look
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(7)))
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(8)))
        (first, _) = await tasks_of(septet.runtime)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "tidy") == [7]
        assert await effects_of(septet.runtime, "telephone") == [8]
        assert await tasks_of(septet.runtime) == []
        assert (seen[-1].actor, seen[-1].request_id) == (SERVER, str(first.id))


async def test_a_task_for_later_waits(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1), at=clock() + timedelta(minutes=5)))
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "tidy") == []
        clock.advance(minutes=5)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "tidy") == [1]


async def test_what_a_failed_attempt_did_is_undone_and_it_is_tried_again(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        script = script_of(septet.runtime)
        script.before["fragile"] = fail
        await store(septet.runtime, lambda ctx: ctx.enqueue(fragile, Chore(1)))
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert await effects_of(septet.runtime, "fragile") == []
        assert (task.attempts, task.lease, task.state) == (1, None, "waiting")
        assert task.last_error == "ValueError: number 1 cannot be done"
        assert timedelta(0) < task.run_at - clock() <= timedelta(seconds=FIRST_DELAY)
        del script.before["fragile"]
        clock.advance(seconds=FIRST_DELAY)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "fragile") == [1]


async def test_after_its_attempts_it_is_dead_until_somebody_retries_it(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        script = script_of(septet.runtime)
        script.before["fragile"] = fail
        await store(septet.runtime, lambda ctx: ctx.enqueue(fragile, Chore(1)))
        for _ in range(4):
            await septet.worker.run_due()
            clock.advance(hours=2)
        (task,) = await tasks_of(septet.runtime)
        assert (task.state, task.attempts, script.calls["fragile"]) == ("dead", 2, [1, 1])
        del script.before["fragile"]
        assert await retry_dead_tasks(septet.runtime) == 1
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "fragile") == [1]
        assert await tasks_of(septet.runtime) == []


async def test_one_listeners_trouble_does_not_stop_another(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["map chair"] = fail
        for number in range(3):
            await store(septet.runtime, lambda ctx, number=number: ctx.publish(Moved("chair", number)))
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "log chair") == [0, 1, 2]
        assert await effects_of(septet.runtime, "map chair") == []


async def test_an_aggregates_events_keep_their_order_through_failures(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    failures = {"chair": 2, "table": 1}

    async def fail_a_little(ctx: Context, number: int, thing: str) -> None:
        if number == 3 and failures[thing]:
            failures[thing] -= 1
            raise ValueError

    async with chores(database_url, tmp_path, clock) as septet:
        script = script_of(septet.runtime)
        for thing in failures:
            script.before[f"map {thing}"] = lambda ctx, number, thing=thing: fail_a_little(ctx, number, thing)
        for number in range(8):
            for thing in failures:
                await store(septet.runtime, lambda ctx, n=number, thing=thing: ctx.publish(Moved(thing, n)))
        for _ in range(3):
            await septet.worker.run_due()
            clock.advance(hours=1)
        for thing in failures:
            assert await effects_of(septet.runtime, f"map {thing}") == list(range(8))
            assert await effects_of(septet.runtime, f"log {thing}") == list(range(8))


async def test_a_dead_task_lets_the_next_of_its_order_go(database_url: str, tmp_path: Path) -> None:
    clock = Clock()

    async def fail_first(ctx: Context, number: int) -> None:
        if number == 1:
            raise ValueError

    async with chores(database_url, tmp_path, clock) as septet:
        script_of(septet.runtime).before["fragile"] = fail_first
        for number in (1, 2):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(fragile, Chore(n), ordered_by="attic"))
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "fragile") == []
        clock.advance(hours=1)
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "fragile") == [2]


async def test_an_older_payload_is_upgraded_and_unknown_fields_ignored(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await insert_raw(septet.runtime, "chores.print_label", b'{"number": 1, "title": "jam"}')
        await insert_raw(septet.runtime, "chores.print_label", b'{"number": 2, "name": "tea", "new": 1}', version=3)
        await store(septet.runtime, lambda ctx: ctx.publish(Renamed(3)))
        await septet.worker.run_due()
        found = [await effects_of(septet.runtime, name) for name in ("jam", "tea", "unnamed")]
        assert found == [[1], [2], [3]]


async def test_a_payload_that_nobody_can_read_is_dead_at_once(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await insert_raw(septet.runtime, "chores.tidy", b'{"number": "seven"}')
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert (task.state, task.last_error) == (
            "dead",
            "UndecodableError: payload of version 1: Expected `int`, got `str` - at `$.number`",
        )


async def test_a_payload_of_a_newer_release_is_put_off(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await insert_raw(septet.runtime, "chores.print_label", b'{"label": "jam"}', version=3)
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert (task.state, task.attempts) == ("waiting", 1)


async def test_a_task_that_this_process_does_not_know_is_left_alone(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await insert_raw(septet.runtime, "garden.water", b"{}")
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert (task.name, task.state, task.attempts, task.lease) == ("garden.water", "waiting", 0, None)


async def test_the_databases_trouble_burns_no_attempt(database_url: str, tmp_path: Path) -> None:
    async def lose_connection(ctx: Context, number: int) -> None:
        raise Unavailable("The database cannot be reached.")

    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["tidy"] = lose_connection
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert (task.attempts, task.lease) == (0, None)
        shown = await show_task(septet.runtime, task.id)
        assert shown.claim_at == septet.runtime.clock() + timedelta(seconds=FIRST_DELAY)


async def test_another_services_trouble_does(database_url: str, tmp_path: Path) -> None:
    async def no_dial_tone(ctx: Context, number: int) -> None:
        raise Unavailable("The line is dead.")

    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["telephone"] = no_dial_tone
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        await septet.worker.run_due()
        (task,) = await tasks_of(septet.runtime)
        assert (task.attempts, task.last_error) == (1, "Unavailable: The line is dead.")


async def test_a_running_worker_is_woken_by_what_is_stored(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path, work=True, task_poll=60.0) as septet:
        for number in range(50):
            await store(septet.runtime, lambda ctx, n=number: ctx.publish(Moved("chair", n)))

        async def all_are_done() -> bool:
            return await tasks_of(septet.runtime) == []

        await until(all_are_done)
        assert await effects_of(septet.runtime, "map chair") == list(range(50))
        assert await effects_of(septet.runtime, "log chair") == list(range(50))


async def test_a_running_worker_finds_what_another_process_stored(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path, work=True, task_poll=0.01) as septet:
        septet.runtime.outbox.wake = lambda: None  # type: ignore[method-assign] # as if this were not the process
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))

        async def is_done() -> bool:
            return await effects_of(septet.runtime, "tidy") == [1]

        await until(is_done)


async def test_two_workers_run_everything_once_and_in_order(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path / "1") as one, chores(database_url, tmp_path / "2") as two:
        for number in range(30):
            await store(one.runtime, lambda ctx, n=number: ctx.publish(Moved(f"chair {n % 3}", n)))
            await store(one.runtime, lambda ctx, n=number: ctx.enqueue(tidy, Chore(n)))
        await one.worker.start()
        await two.worker.start()

        async def all_are_done() -> bool:
            return await tasks_of(one.runtime) == []

        await until(all_are_done, 30)
        await asyncio.gather(one.worker.stop(5), two.worker.stop(5))
        assert sorted(await effects_of(one.runtime, "tidy")) == list(range(30))
        for chair in range(3):
            assert await effects_of(one.runtime, f"map chair {chair}") == list(range(chair, 30, 3))


async def test_stopping_lets_running_tasks_end_and_gives_back_the_others(database_url: str, tmp_path: Path) -> None:
    ring, answered = asyncio.Event(), asyncio.Event()

    async def wait(ctx: Context, number: int) -> None:
        ring.set()
        await answered.wait()

    async with chores(database_url, tmp_path, task_runners=1) as septet:
        script_of(septet.runtime).before["telephone"] = wait
        for number in range(3):
            await store(septet.runtime, lambda ctx, n=number: ctx.enqueue(telephone, Chore(n)))
        await septet.worker.start()
        await ring.wait()
        stopping = asyncio.create_task(septet.worker.stop(drain_seconds=10))
        await asyncio.sleep(0)
        answered.set()
        await stopping
        assert await effects_of(septet.runtime, "telephone") == [0]
        assert [(task.lease, task.attempts) for task in await tasks_of(septet.runtime)] == [(None, 0), (None, 0)]


async def test_what_does_not_end_in_time_is_stopped_and_given_back(database_url: str, tmp_path: Path) -> None:
    ring = asyncio.Event()

    async def wait(ctx: Context, number: int) -> None:
        ring.set()
        await asyncio.Event().wait()

    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["telephone"] = wait
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        await septet.worker.start()
        await ring.wait()
        await septet.worker.stop(drain_seconds=0.01)
        (task,) = await tasks_of(septet.runtime)
        assert (task.state, task.lease, task.attempts) == ("waiting", None, 0)
        assert await effects_of(septet.runtime, "telephone") == []


async def test_operators_see_retry_and_cancel(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with chores(database_url, tmp_path, clock) as septet:
        runtime = septet.runtime
        later = clock() + timedelta(hours=5)
        for number in range(3):
            await store(runtime, lambda ctx, n=number: ctx.enqueue(tidy, Chore(n), at=later))
        await store(runtime, lambda ctx: ctx.enqueue(telephone, Chore(9), at=later))
        first, second, *_ = await tasks_of(runtime)
        assert len(await list_tasks(runtime, name="chores.tidy")) == 3
        assert await list_tasks(runtime, state=None, name="chores.telephone", after=first.id, most=1) != []
        counted = [(c.name, c.state, c.count, c.first) for c in await task_counts(runtime)]
        assert sorted(counted) == [("chores.telephone", "waiting", 1, later), ("chores.tidy", "waiting", 3, later)]
        await retry_task(runtime, first.id)
        await cancel_task(runtime, second.id)
        await septet.worker.run_due()
        assert await effects_of(runtime, "tidy") == [0]
        with pytest.raises(NotFound):
            await retry_task(runtime, second.id)


async def test_a_running_task_is_neither_cancelled_nor_retried(database_url: str, tmp_path: Path) -> None:
    async def interfere(ctx: Context, number: int) -> None:
        task_id = int(ctx.request_id)
        with pytest.raises(Conflict):
            await cancel_task(ctx.runtime, task_id)
        with pytest.raises(Conflict):
            await retry_task(ctx.runtime, task_id)

    async with chores(database_url, tmp_path) as septet:
        script_of(septet.runtime).before["telephone"] = interfere
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        await septet.worker.run_due()
        assert await effects_of(septet.runtime, "telephone") == [1]


def test_delays_double_to_an_hour_and_scatter() -> None:
    for attempts, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (13, LONGEST_DELAY), (5000, LONGEST_DELAY)):
        delays = [backoff(attempts) for _ in range(200)]
        assert longest / 2 <= min(delays) < max(delays) <= longest


def test_errors_are_told_in_one_short_line_without_their_values() -> None:
    assert describe(KeyError("name")) == "KeyError: 'name'"
    assert describe(ValueError("duplicate key\nDETAIL: (email)=(a@b.example)")) == "ValueError: duplicate key"
    assert len(describe(ValueError("x" * 5000))) == 2000
    assert describe(ValueError("nul \0 half \ud800 bell \a")) == "ValueError: nul ? half ? bell ?"
