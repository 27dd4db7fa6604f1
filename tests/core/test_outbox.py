"""What a transaction announces is stored with it: one task a listener, or nothing at all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from septet.core.context import Context
from septet.core.errors import Conflict
from septet.core.events import Event
from septet.core.outbox_queries import Shown
from septet.core.runtime import Runtime
from septet.core.tasks import show_task
from support.chores import Chore, Moved, Renamed, map_move, sweep, telephone, tidy
from support.tasks import chores, store, tasks_of


class Unheard(Event):
    number: int


async def shown(runtime: Runtime) -> list[Shown]:
    return [await show_task(runtime, task.id) for task in await tasks_of(runtime)]


async def test_an_event_becomes_one_task_a_listener(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await store(septet.runtime, lambda ctx: ctx.publish(Moved("chair", 1)))
        stored = await shown(septet.runtime)
        assert [(task.name, task.ordered_by) for task in stored] == [
            ("chores.map_move", "chores.map_move:chair"),
            ("chores.log_move", "chores.log_move:chair"),
        ]
        assert {(bytes(task.payload).replace(b" ", b""), task.version, task.attempts) for task in stored} == {
            (b'{"thing":"chair","number":1}', 1, 0)
        }


async def test_an_event_without_listeners_leaves_no_trace(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await store(septet.runtime, lambda ctx: ctx.publish(Unheard(1)))
        assert await tasks_of(septet.runtime) == []


async def test_one_without_an_order_has_none(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        await store(septet.runtime, lambda ctx: ctx.publish(Renamed(1)))
        (task,) = await shown(septet.runtime)
        assert (task.name, task.ordered_by, task.version) == ("chores.print_label", None, 2)


async def test_a_task_is_stored_for_later_in_its_order(database_url: str, tmp_path: Path) -> None:
    async with chores(database_url, tmp_path) as septet:
        later = septet.runtime.clock() + timedelta(minutes=5)
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1), at=later, ordered_by="attic"))
        (task,) = await shown(septet.runtime)
        assert (task.name, task.run_at, task.ordered_by) == ("chores.tidy", later, "attic")
        assert (task.state, task.lease, task.created_at) == ("waiting", None, septet.runtime.clock())


async def test_what_is_rolled_back_announces_nothing(database_url: str, tmp_path: Path) -> None:
    async def work(ctx: Context) -> None:
        ctx.publish(Moved("chair", 1))
        ctx.enqueue(tidy, Chore(1))
        raise Conflict("changed its mind")

    async with chores(database_url, tmp_path) as septet:
        with pytest.raises(Conflict):
            await septet.runtime.context().write(work)
        assert await tasks_of(septet.runtime) == []


async def test_the_payload_is_what_it_was_when_it_was_announced(database_url: str, tmp_path: Path) -> None:
    def record(ctx: Context) -> None:
        chore = Chore(1)
        ctx.enqueue(tidy, chore)
        chore.number = 2

    async with chores(database_url, tmp_path) as septet:
        await store(septet.runtime, record)
        (task,) = await shown(septet.runtime)
        assert bytes(task.payload).replace(b" ", b"") == b'{"number":1}'


async def test_nothing_is_announced_where_nothing_would_store_it(database_url: str, tmp_path: Path) -> None:
    async def publish(ctx: Context) -> None:
        ctx.publish(Moved("chair", 1))

    async with chores(database_url, tmp_path) as septet:
        with pytest.raises(RuntimeError, match="no transaction is open"):
            septet.runtime.context().publish(Moved("chair", 1))
        with pytest.raises(RuntimeError, match="only reads"):
            await septet.runtime.context().read(publish)
        assert await tasks_of(septet.runtime) == []


async def test_only_declared_tasks_are_enqueued_and_with_their_payload(database_url: str, tmp_path: Path) -> None:
    async def stranger(ctx: Context, chore: Chore) -> None: ...

    async with chores(database_url, tmp_path) as septet:
        with pytest.raises(TypeError, match="stranger is not a task"):
            await store(septet.runtime, lambda ctx: ctx.enqueue(stranger, Chore(1)))
        with pytest.raises(TypeError, match="tidy does not take a Moved"):
            await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Moved("chair", 1)))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="sweep does not take a Chore"):
            await store(septet.runtime, lambda ctx: ctx.enqueue(sweep, Chore(1)))  # type: ignore[arg-type]


async def test_the_worker_is_woken_once_a_commit_is_durable(database_url: str, tmp_path: Path) -> None:
    woken = []
    async with chores(database_url, tmp_path) as septet:
        unlisten = septet.runtime.outbox.on_wake(lambda: woken.append("awake"))
        await store(septet.runtime, lambda ctx: ctx.enqueue(telephone, Chore(1)))
        assert woken == ["awake"]
        unlisten()
        await store(septet.runtime, lambda ctx: ctx.enqueue(map_move, Moved("chair", 1)))
        assert woken == ["awake"]
