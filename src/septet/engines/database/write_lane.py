"""SQLite's write lane: operations one after another in savepoints, one COMMIT for the group, then all are answered.

A commit costs a wait for the disk, an operation some microseconds. So whatever queued up while the disk was
waited for shares the next transaction, and nobody, failures included, is answered before that is on disk. The
COMMIT runs in a thread; the event loop answers reads meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from septet.core.database import Transaction
from septet.core.errors import Unavailable
from septet.engines.database.sqlite_connection import WAL_LIMIT, Connection, is_interrupted, is_locked
from septet.engines.database.sqlite_transaction import LaneTransaction
from septet.engines.database.suspended import refuse_suspended
from septet.engines.database.turns import Turn

T = TypeVar("T")

MOST_QUEUED = 4096
GROUP = 256  # operations that share a COMMIT
BUDGET = 0.005  # seconds that a group may hold the event loop
_PAUSE = 0.005  # between tries, while a program that takes no turns locks the file
_WAL_STEP = 4 * 1024 * 1024  # how much the log grows before it is tried again to restart it

_CLOSED = "The database is closed."
_FULL = "Too many writes are waiting."
_LOCKED = "The database is locked by another process. Nothing was changed."
_BROKEN = "The database cannot be written now. Nothing was changed."
_UNKNOWN = "It is not known whether this was stored: the disk failed. Look before you repeat it."


class Waiting(NamedTuple):
    """An operation in the queue."""

    work: Callable[[Transaction], Awaitable[Any]]
    answer: asyncio.Future[Any]
    context: contextvars.Context


class Outcome(NamedTuple):
    """What an operation came to; its caller hears of it once the group is on disk."""

    waiting: Waiting
    value: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        answer = self.waiting.answer
        if answer.done():  # the caller left
            return
        if self.error is not None:
            answer.set_exception(self.error)
        else:
            answer.set_result(self.value)


class WriteLane:
    """The one connection of this process that writes."""

    def __init__(self, path: Path, connection: Connection, transaction: LaneTransaction) -> None:
        self._connection = connection
        self._transaction = transaction
        self._turn = Turn(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._log = f"{path}-wal"
        self._restart_log_at = WAL_LIMIT
        self._queue: deque[Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        self._healthy = True  # the last commit succeeded

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` when it is its turn. Cancelled while it waits, it never runs; later, its change stands."""
        if self._closed:
            raise Unavailable(_CLOSED)
        if len(self._queue) >= MOST_QUEUED:
            raise Unavailable(_FULL)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append(Waiting(work, answer, contextvars.copy_context()))
        if self._running is None:
            self._running = loop.create_task(self._run(), context=contextvars.Context())
        return await answer

    @property
    def waiting(self) -> int:
        """How many operations wait for the next group."""
        return len(self._queue)

    async def ready(self) -> bool:
        """Whether the last commit succeeded; if not, one is tried that changes nothing but reaches the disk."""
        if not self._healthy and not self._closed:
            with suppress(Unavailable, sqlite3.Error):
                await self.write(self._touch)
        return self._healthy and not self._closed

    async def drain(self) -> None:
        """Take no more, and finish what is queued."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])

    async def close(self) -> None:
        """Leave the file. Whoever leaves last moves the log into it, so it is done in turn."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._leave)
        self._thread.shutdown()

    def _leave(self) -> None:
        self._turn.take(wait=True)
        try:
            self._connection.raw.close()
        finally:
            self._turn.give()
            self._turn.close()

    async def _touch(self, _: Transaction) -> None:
        version = self._connection.raw.execute("PRAGMA user_version").fetchone()[0]
        self._connection.raw.execute(f"PRAGMA user_version = {version}")

    async def _run(self) -> None:
        """Group after group, until nobody waits."""
        try:
            while self._queue:
                await self._take_turn()
                try:
                    if await self._begin():
                        await self._run_group()
                finally:
                    self._turn.give()
        finally:
            self._running = None

    async def _run_group(self) -> None:
        """Gather a group, commit it, and answer all of it, whatever happens."""
        group: list[Outcome] = []
        try:
            self._gather(group)
            await self._commit_in_thread()
            self._healthy = True
        except BaseException as error:
            self._healthy = False
            group = [_unknown(outcome, error) for outcome in group]
            if not isinstance(error, Exception):
                raise
        finally:
            if self._connection.raw.in_transaction:
                self._connection.raw.rollback()
            for outcome in group:
                outcome.tell()

    async def _take_turn(self) -> None:
        """Wait for this process's turn. Callers that wait longer than a statement may take are told so."""
        if self._turn.take(wait=False):
            return
        loop = asyncio.get_running_loop()
        taking = loop.run_in_executor(self._thread, lambda: self._turn.take(wait=True))
        try:
            while not taking.done():
                await asyncio.wait([taking], timeout=self._connection.timeout)
                if not taking.done():
                    self._refuse_all(_LOCKED)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda _: self._turn.give())
            raise

    async def _begin(self) -> bool:
        """Begin the group's transaction; False if that was not possible until all who waited were refused."""
        until = time.monotonic() + self._connection.timeout
        while True:
            try:
                self._connection.raw.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.Error as error:
                if not is_locked(error):
                    self._healthy = False
                    self._refuse_all(_BROKEN)
                    return False
            if time.monotonic() > until:
                self._refuse_all(_LOCKED)
                return False
            await asyncio.sleep(_PAUSE)

    def _refuse_all(self, reason: str) -> None:
        """Answer those who still wait: they did not run."""
        while self._queue:
            Outcome(self._queue.popleft(), error=Unavailable(reason)).tell()

    def _gather(self, group: list[Outcome]) -> None:
        """Run what waits, each in a savepoint, within the group's bounds."""
        execute = self._connection.raw.execute
        until = time.perf_counter() + BUDGET
        while self._queue and len(group) < GROUP and time.perf_counter() < until:
            waiting = self._queue.popleft()
            if waiting.answer.done():  # the caller left
                continue
            group.append(Outcome(waiting))
            execute("SAVEPOINT operation")
            group[-1] = self._drive(waiting)
            if not self._connection.raw.in_transaction:
                self._begin_again(group)
                return
            if group[-1].error is not None:
                execute("ROLLBACK TO operation")
            execute("RELEASE operation")

    def _begin_again(self, group: list[Outcome]) -> None:
        """SQLite undid the whole transaction: a statement of its last operation took too long, or the disk failed.

        In the first case the others, of whom nobody heard, run again.
        """
        failure = self._transaction.failure
        if failure is not None and failure.__cause__ is not None and is_interrupted(failure.__cause__):
            last = group.pop()
            self._queue.extendleft(outcome.waiting for outcome in reversed(group))
            group[:] = [last]
            return
        raise sqlite3.OperationalError("the transaction was rolled back") from failure

    def _drive(self, waiting: Waiting) -> Outcome:
        """Run an operation by hand, in its caller's context. It awaits only its transaction, which never waits."""
        transaction = self._transaction
        transaction.failure = None
        try:
            working = cast(Coroutine[Any, Any, Any], waiting.work(transaction))
            waiting.context.run(working.send, None)
        except StopIteration as end:
            return Outcome(waiting, end.value, transaction.failure)
        except asyncio.CancelledError:
            return Outcome(waiting, error=Unavailable("The operation was cancelled. Nothing was changed."))
        except BaseException as error:
            return Outcome(waiting, error=error)
        return Outcome(waiting, error=refuse_suspended(working, waiting.context))

    async def _commit_in_thread(self) -> None:
        committing = self._thread.submit(self._commit)
        try:
            await asyncio.shield(asyncio.wrap_future(committing))
        except asyncio.CancelledError:  # the event loop ends: the thread must be done before anything else is
            committing.result()
            raise

    def _commit(self) -> None:
        """In the lane's thread."""
        if self._connection.raw.in_transaction:
            self._connection.raw.execute("COMMIT")
            with suppress(sqlite3.Error, OSError):  # of an upkeep that may wait
                self._restart_long_log()

    def _restart_long_log(self) -> None:
        """Readers without a pause keep the log growing. This waits for none; it is tried again as the log grows."""
        size = os.stat(self._log).st_size
        if size > self._restart_log_at:
            busy = self._connection.raw.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]
            self._restart_log_at = size + _WAL_STEP if busy else WAL_LIMIT


def _unknown(outcome: Outcome, cause: BaseException) -> Outcome:
    error = Unavailable(_UNKNOWN)
    error.__cause__ = cause
    return Outcome(outcome.waiting, error=error)
