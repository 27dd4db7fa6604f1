"""The worker: claims the outbox's tasks in batches, runs several at once, and keeps the leases of those it holds.

A claim writes a fresh lease token and the moment when the lease ends into the row. As long as the worker lives it
extends its leases; once it is dead they run out, and other workers claim the tasks again. Claims name the tasks that
this process knows: others belong to a newer release, or to another system's process, and are left to them.

Of an order only the oldest is claimable. When it ends, its worker takes the next at once; those that still wait are
set aside meanwhile, so that a long line behind one slow task costs claimers nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from septet.core import outbox_queries as queries
from septet.core.context import Context
from septet.core.delivery import Delivery, Held
from septet.core.errors import Conflict, Unavailable
from septet.core.ids import new_id
from septet.core.outbox_queries import Claimed, Next
from septet.core.runtime import Runtime
from septet.core.schedules import Schedules

log = structlog.get_logger()

LARGEST_BATCH = 100
_AHEAD = 0.1  # seconds of work that are claimed before a runner is free for them
_WEIGHT = 0.05  # of the newest task in the average duration
_MANY_BLOCKED = 200  # tasks that wait for others of their order, before they are set aside; and so many at once
_SET_ASIDE = 10.0  # seconds until claimers look at them again: for when nobody handed over to them
_LOOK_FOR_BLOCKED = 1.0  # seconds between looks


class Worker:
    """Runs the tasks of one process on `runtime`, `settings.task_runners` of them at once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tasks = runtime.registry.tasks
        self._delivery = Delivery(runtime)
        self._schedules = Schedules(runtime)
        self._runners = runtime.floor.task_runners
        self._shortest_lease = min((task.mark.lease for task in self._tasks.values()), default=30.0)
        self._held: set[Held] = set()
        self._waiting: asyncio.Queue[Held | None] = asyncio.Queue()  # None tells a runner to end
        self._average = 0.01  # seconds that a task took lately
        self._may_be_more = True  # a claim may find tasks: some were stored, or the last claim was full
        self._stir = asyncio.Event()  # a claim may be possible now that was not before
        self._stopping = False
        self._claiming: asyncio.Task[None] | None = None
        self._running: list[asyncio.Task[None]] = []
        self._upkeep: list[asyncio.Task[None]] = []
        self._unlisten: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to claim and run tasks, and to fire schedules."""
        self._unlisten = self._runtime.outbox.on_wake(self._wake)
        self._claiming = asyncio.create_task(self._keep_claiming())
        self._running = [asyncio.create_task(self._keep_running()) for _ in range(self._runners)]
        self._upkeep = [
            asyncio.create_task(_repeat(self._extend_leases, self._shortest_lease / 3)),
            asyncio.create_task(_repeat(self._schedules.fire_due, self._runtime.floor.task_poll)),
            asyncio.create_task(_repeat(self._set_blocked_aside, _LOOK_FOR_BLOCKED)),
        ]

    async def stop(self, drain_seconds: float) -> None:
        """Claim no more, let what runs end within `drain_seconds`, stop the rest, and give back all that is left."""
        if self._claiming is None:
            return
        self._unlisten()
        self._stopping = True
        self._stir.set()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        for _ in self._running:
            self._waiting.put_nowait(None)
        await asyncio.wait([self._claiming, *self._running], timeout=drain_seconds)
        await _end([self._claiming, *self._running, *self._upkeep])
        await self._release()

    async def run_due(self) -> None:
        """Fire and run all that is due now, and what comes of it, and return: for tests, and where nothing stays up."""
        extending = asyncio.create_task(_repeat(self._extend_leases, self._shortest_lease / 3))
        try:
            await self._schedules.fire_due()
            while taken := await self._take(LARGEST_BATCH):
                while taken:
                    followers = await asyncio.gather(*(self._attempt(held) for held in taken))
                    taken = [held for held in followers if held is not None]
        finally:
            await _end([extending])

    def _wake(self) -> None:
        self._may_be_more = True
        self._stir.set()

    async def _keep_claiming(self) -> None:
        """Claim when there is room and reason to: something was stored here, or it is time to look for others'."""
        clock = asyncio.get_running_loop().time
        next_look = clock()
        while not self._stopping:
            self._stir.clear()
            room = self._room()
            if room and (self._may_be_more or clock() >= next_look):
                next_look = clock() + self._runtime.floor.task_poll
                await self._claim(room)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(next_look - clock() if room else None):
                    await self._stir.wait()

    def _room(self) -> int:
        """How many to claim now: as many as can be begun very soon, so that slow ones are left to idle processes."""
        ahead = min(LARGEST_BATCH, int(self._runners * _AHEAD / self._average))
        if self._waiting.qsize() > ahead // 2:
            return 0  # enough is waiting: small batches cost as much as large ones
        return max(0, min(LARGEST_BATCH, self._runners + ahead - len(self._held)))

    async def _claim(self, most: int) -> None:
        stored_here, self._may_be_more = self._may_be_more, False
        try:
            if stored_here or await self._is_any_due():
                for held in await self._take(most):
                    self._waiting.put_nowait(held)
        except Conflict:
            self._may_be_more = True  # another took the turn of one of these orders at the same moment: look again
        except Unavailable as error:
            log.warning("no tasks claimed: the database was unavailable", reason=error.detail)
        except Exception:
            log.exception("no tasks claimed")

    async def _is_any_due(self) -> bool:
        """A look that does not write, for a process that idles."""
        names, now = [*self._tasks], self._runtime.clock()
        due = await self._runtime.database.read(lambda tx: tx.maybe(queries.find_due_task, names=names, now=now))
        return due is not None

    async def _take(self, most: int) -> list[Held]:
        lease = new_id()
        claimed = await self._runtime.context().write_hot(claim, [*self._tasks], lease, self._shortest_lease, most)
        self._may_be_more = self._may_be_more or len(claimed) == most
        # Those that failed before go last, in any order: if one kills the worker, the others still get their turn.
        claimed.sort(key=lambda task: (task.attempts, random.random() if task.attempts else task.id))  # noqa: S311
        return [self._hold(row, lease) for row in claimed]

    def _hold(self, row: Claimed, lease: UUID) -> Held:
        held = Held(self._tasks[row.name], row, lease)
        self._held.add(held)
        return held

    async def _keep_running(self) -> None:
        clock = asyncio.get_running_loop().time
        while (held := await self._waiting.get()) is not None:
            began = clock()
            follower = await self._attempt(held)
            self._average += (clock() - began - self._average) * _WEIGHT
            if follower is not None:
                self._waiting.put_nowait(follower)
            if self._may_be_more:
                self._stir.set()

    async def _attempt(self, held: Held) -> Held | None:
        """Run it once, and take the next of its order. Cancelled, it stays held, to be released."""
        follower = None
        try:
            await self._delivery.attempt(held)
            if held.claimed.ordered_by is not None and not self._stopping:
                follower = await self._take_next(held.claimed.ordered_by)
        except (Conflict, Unavailable):
            pass  # the next is found by a later look
        except Exception:
            log.exception("a task was left to the end of its lease", task=held.task.name, task_id=held.claimed.id)
        self._held.discard(held)
        return follower

    async def _take_next(self, ordered_by: str) -> Held | None:
        """Hand over: what waits behind a task that ended need not be searched for."""
        found = await self._runtime.database.read(lambda tx: tx.maybe(queries.find_next_task, ordered_by=ordered_by))
        if found is None or found.lease is not None or found.run_at > self._runtime.clock():
            return None
        if found.name not in self._tasks:
            return None
        lease = new_id()
        claimed = await self._runtime.context().write_hot(_claim_next, found, lease, self._shortest_lease)
        return None if claimed is None else self._hold(claimed, lease)

    async def _set_blocked_aside(self) -> None:
        """Let claimers not step over the same tasks again and again while those wait for others of their order."""
        now = self._runtime.clock()
        blocked = await self._runtime.database.read(
            lambda tx: tx.one(queries.count_blocked_tasks, now=now, most=_MANY_BLOCKED)
        )
        while blocked.count == _MANY_BLOCKED and await self._runtime.context().write_hot(_set_aside) == _MANY_BLOCKED:
            pass

    async def _extend_leases(self) -> None:
        """Claim again all that this process holds, for as long as each task asks for; drop what it has lost."""
        groups: defaultdict[tuple[UUID, float], list[Held]] = defaultdict(list)
        for held in self._held:
            groups[held.lease, held.task.mark.lease].append(held)
        for (lease, seconds), group in groups.items():
            ids = [held.claimed.id for held in group]
            kept = await self._runtime.context().write_hot(_extend, ids, lease, seconds)
            for held in group:
                if held.claimed.id not in kept and held in self._held:
                    held.lose()

    async def _release(self) -> None:
        """Give back what this process still holds, to be claimed at once."""
        places = [held.place for held in self._held]
        self._held.clear()
        try:
            await self._runtime.context().write_hot(_give_back, places)
        except Unavailable as error:
            log.warning("tasks were not given back: their leases have to run out", reason=error.detail)


async def claim(ctx: Context, names: Sequence[str], lease: UUID, seconds: float, most: int) -> list[Claimed]:
    """In a READ COMMITTED transaction: take what is due of the tasks called `names`, and hold it by `lease`."""
    claimed = await ctx.tx.all(queries.find_claimable_tasks, names=names, now=ctx.now, most=most)
    if claimed:
        ids = [task.id for task in claimed]
        until = ctx.now + timedelta(seconds=seconds)
        await ctx.tx.run(queries.hold_tasks, ids=ids, lease=lease, until=until)
    return claimed


async def _claim_next(ctx: Context, found: Next, lease: UUID, seconds: float) -> Claimed | None:
    """None if somebody else held it since it was found: it may have died of that."""
    until = ctx.now + timedelta(seconds=seconds)
    return await ctx.tx.maybe(
        queries.claim_next_task, task=found.id, seen_attempts=found.attempts, holder=lease, until=until
    )


async def _set_aside(ctx: Context) -> int:
    until = ctx.now + timedelta(seconds=_SET_ASIDE)
    return await ctx.tx.run(queries.set_blocked_tasks_aside, now=ctx.now, until=until, most=_MANY_BLOCKED)


async def _extend(ctx: Context, ids: Sequence[int], lease: UUID, seconds: float) -> set[int]:
    until = ctx.now + timedelta(seconds=seconds)
    return {row.id for row in await ctx.tx.all(queries.extend_leases, ids=ids, holder=lease, until=until)}


async def _give_back(ctx: Context, places: Sequence[dict[str, Any]]) -> None:
    await ctx.tx.run_many(queries.release_task, [{**place, "claim_at": ctx.now} for place in places])


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do `work` now and again every so many seconds, whatever comes of it."""
    while True:
        try:
            await work()
        except Unavailable as error:
            log.warning("the worker's upkeep waits: the database was unavailable", reason=error.detail)
        except Exception:
            log.exception("the worker's upkeep failed and is tried again")
        await asyncio.sleep(seconds)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
