"""SQLite's write lane: operations one after another in savepoints, one COMMIT for the group, then all are answered.

A commit costs a wait for the disk, an operation some microseconds. So whatever queued up while the disk was
waited for shares the next transaction, and nobody, failures included, is answered before it is on disk. The
COMMIT runs in a thread, the event loop answers reads meanwhile.
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
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from septet.core.database import Transaction
from septet.core.errors import Unavailable
from septet.engines.database.sqlite_connection import WAL_LIMIT, Connection, is_interrupted, is_locked
from septet.engines.database.turns import Turn

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[Any]]

MOST_QUEUED = 4096
GROUP = 256  # operations that share a COMMIT
BUDGET = 0.005  # seconds that a group may hold the event loop
_PAUSE = 0.005  # between tries while another program, not a Septet process, locks the file
_WAL_STEP = 4 * 1024 * 1024  # how much the log grows before another try to restart it

_CLOSED = "The database is closed."
_FULL = "Too many writes are waiting."
_LOCKED = "The database is locked by another process. Nothing was changed."
_UNKNOWN = "It is not known whether this was stored: the disk failed. Ask again before you repeat it."


class LaneTransaction(Transaction, Protocol):
    failure: Exception | None


class Waiting(NamedTuple):
    """An operation in the queue."""

    work: Work
    answer: asyncio.Future[Any]
    context: contextvars.Context


class Outcome(NamedTuple):
    """What an operation came to; its caller hears of it once the group is on disk."""

    answer: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.answer.done():  # the caller left
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.value)


class WriteLane:
    """The one connection of this process that writes."""

    def __init__(self, path: Path, timeout: float, transaction: Callable[[Connection], LaneTransaction]) -> None:
        self._connection = Connection(path, timeout, writes=True)
        self._transaction = transaction(self._connection)
        self._turn = Turn(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._timeout = timeout
        self._log = f"{path}-wal"
        self._restart_log_at = WAL_LIMIT
        self._queue: deque[Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        self._healthy = True  # the last commit succeeded

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in its turn. Cancelled while it waits, it never runs; later, its change stands."""
        if self._closed:
            raise Unavailable(_CLOSED)
        if len(self._queue) >= MOST_QUEUED:
            raise Unavailable(_FULL)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append(Waiting(work, answer, contextvars.copy_context()))
        if self._running is None:
            self._running = loop.create_task(self._run(loop), context=contextvars.Context())
        return await answer

    async def ready(self) -> bool:
        """Whether the last commit succeeded; if not, try one that changes nothing but reaches the disk."""
        if not self._healthy and not self._closed:
            try:
                await self.write(self._touch)
            except (Unavailable, sqlite3.Error):
                return False
        return not self._closed and self._healthy

    async def drain(self) -> None:
        """Take no more, and finish what is queued."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])

    async def close(self) -> None:
        """Leave the file: if no other process uses it, its log is moved into it, so it is this one's turn."""
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
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        self._connection.execute(f"PRAGMA user_version = {version}")

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Group after group, until nobody waits."""
        try:
            while self._queue:
                await self._take_turn(loop)
                group: list[Outcome] = []
                try:
                    if not await self._begin():
                        continue
                    group = self._gather()
                    await loop.run_in_executor(self._thread, self._commit)
                    self._healthy = True
                except sqlite3.Error:
                    self._healthy = False
                    group = [Outcome(outcome.answer, error=Unavailable(_UNKNOWN)) for outcome in group]
                finally:
                    self._roll_back()
                    self._turn.give()
                for outcome in group:
                    outcome.tell()
        finally:
            self._running = None

    async def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for this process's turn; who waits longer than a statement may take is told so."""
        if self._turn.take(wait=False):
            return
        taking = loop.run_in_executor(self._thread, lambda: self._turn.take(wait=True))
        while not taking.done():
            await asyncio.wait([taking], timeout=self._timeout)
            if not taking.done():
                self._refuse_all(_LOCKED)
        taking.result()

    async def _begin(self) -> bool:
        """Begin the group's transaction; False if another program kept the file locked until all were refused."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError as error:
                if not is_locked(error):
                    self._refuse_all("The database cannot be written now. Nothing was changed.")
                    raise
            if time.monotonic() > until:
                self._refuse_all(_LOCKED)
                return False
            await asyncio.sleep(_PAUSE)

    def _refuse_all(self, reason: str) -> None:
        """Answer those that still wait: they did not run."""
        while self._queue:
            Outcome(self._queue.popleft().answer, error=Unavailable(reason)).tell()

    def _gather(self) -> list[Outcome]:
        """Run what waits, each in a savepoint, within the group's bounds."""
        run = self._connection.execute
        ran: list[Waiting] = []
        group: list[Outcome] = []
        until = time.perf_counter() + BUDGET
        while self._queue and len(group) < GROUP and time.perf_counter() < until:
            waiting = self._queue.popleft()
            if waiting.answer.done():
                continue
            run("SAVEPOINT operation")
            outcome = self._drive(waiting)
            if outcome.error is None:
                run("RELEASE operation")
            elif self._connection.raw.in_transaction:
                run("ROLLBACK TO operation")
                run("RELEASE operation")
            else:  # SQLite rolled the whole transaction back
                return self._begin_again(ran, group, outcome)
            ran.append(waiting)
            group.append(outcome)
        return group

    def _begin_again(self, ran: list[Waiting], group: list[Outcome], last: Outcome) -> list[Outcome]:
        """An operation ended the group's transaction: it took too long, and the others run again; or the disk fails."""
        cause = last.error.__cause__ if last.error is not None else None
        if cause is not None and is_interrupted(cause):
            self._queue.extendleft(reversed(ran))
            return [last]
        return [*(Outcome(outcome.answer, error=Unavailable(_UNKNOWN)) for outcome in group), last]

    def _drive(self, waiting: Waiting) -> Outcome:
        """Run the operation by hand, in its caller's context. It awaits only its transaction, which never waits."""
        transaction = self._transaction
        transaction.failure = None
        try:
            working = cast(Coroutine[Any, Any, Any], waiting.work(transaction))
            waiting.context.run(working.send, None)
        except StopIteration as end:
            return Outcome(waiting.answer, value=end.value, error=transaction.failure)
        except asyncio.CancelledError:
            return Outcome(waiting.answer, error=Unavailable("The operation was cancelled. Nothing was changed."))
        except BaseException as error:
            return Outcome(waiting.answer, error=transaction.failure or error)
        return Outcome(waiting.answer, error=_refuse_suspended(working, waiting.context))

    def _commit(self) -> None:
        """In the lane's thread."""
        if self._connection.raw.in_transaction:
            self._connection.execute("COMMIT")
            self._restart_log_when_long()

    def _restart_log_when_long(self) -> None:
        """Readers that never pause keep the log growing; this waits for none, and tries again as it grows."""
        size = os.stat(self._log).st_size
        if size <= self._restart_log_at:
            return
        busy = self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]
        self._restart_log_at = size + _WAL_STEP if busy else WAL_LIMIT

    def _roll_back(self) -> None:
        if self._connection.raw.in_transaction:
            self._connection.raw.rollback()


def _refuse_suspended(working: Coroutine[Any, Any, Any], context: contextvars.Context) -> RuntimeError:
    """Close an operation that waits for something, and say where it waits."""
    names = []
    innermost: Any = working
    while getattr(innermost, "cr_await", None) is not None or hasattr(innermost, "cr_frame"):
        frame = innermost.cr_frame
        names.append(f"{innermost.__qualname__}:{frame.f_lineno}" if frame is not None else innermost.__qualname__)
        innermost = innermost.cr_await
    try:
        context.run(working.close)
    except RuntimeError:
        names.append("which also refuses to end")
    return RuntimeError(
        f"a writing transaction may await nothing but its transaction; this one waits in {' → '.join(names)}. "
        "Declare its operation with steps=True"
    )
