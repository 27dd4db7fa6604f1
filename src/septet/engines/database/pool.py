"""A small pool of asyncpg connections.

asyncpg's own pool wraps every connection and resets it after every use, which more than halves throughput. Here a
connection is lent as it is, and one whose state is not certain is never lent again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

import asyncpg

from septet.core.errors import Unavailable
from septet.engines.database.postgresql_errors import CANNOT_CONNECT, LOST

CHECK_AFTER: Final = 5.0  # seconds of idleness, after which a connection is asked whether it is alive
MAX_AGE: Final = 1800.0  # seconds; so that after a failover all go to the new server in the end
WAIT: Final = 5.0  # seconds that connecting, or waiting for a free connection, may take
_CHECK_TIMEOUT: Final = 1.0
_CLOSED: Final = "The database is closed."


class Lent:
    """A connection, and what the pool knows of it."""

    __slots__ = ("epoch", "raw", "renew_at", "used_at")

    def __init__(self, raw: Any, epoch: int) -> None:
        self.raw = raw
        self.epoch = epoch
        self.used_at = time.monotonic()
        self.renew_at = self.used_at + MAX_AGE * random.uniform(0.8, 1.0)  # noqa: S311  # not all at once


class Pool:
    """Lends at most `size` connections. Who waits is served in order, each by being handed a connection."""

    def __init__(self, url: str, size: int, options: dict[str, Any]) -> None:
        self._url = url
        self._size = size
        self._options = options
        self._idle: list[Lent] = []  # a stack: the last used is the warmest
        self._lent: set[Lent] = set()
        self._open = 0  # idle, lent, or being opened
        self._emptied = asyncio.Event()  # after closing: nothing is open any more
        self._waiting: deque[asyncio.Future[Lent | None]] = deque()
        self._epoch = 0
        self._doubted_at = 0.0  # when a connection broke
        self._closed = False

    async def take(self) -> Lent:
        """A connection that was alive a moment ago. Raises Unavailable if there is none in time."""
        while True:
            lent = self._take_idle() or await self._open_or_wait()
            self._lent.add(lent)
            if not self._is_doubtful(lent) or await self._is_alive(lent):
                return lent

    def give(self, lent: Lent) -> None:
        """Take a connection back, to lend it again unless it is in doubt."""
        if not self._is_good(lent) or lent.raw.is_in_transaction():
            self.drop(lent)
            return
        lent.used_at = time.monotonic()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(lent)
                return
        self._lent.discard(lent)
        self._idle.append(lent)

    def drop(self, lent: Lent) -> None:
        """Close a connection at once: its server forgets what it had begun."""
        self._lent.discard(lent)
        lent.raw.terminate()
        self._free_place()

    def lose(self, lent: Lent) -> None:
        """Close a connection that broke. Others may have broken with it: they are asked before they are lent."""
        self._doubted_at = time.monotonic()
        self.drop(lent)

    def renew(self) -> None:
        """Let no connection be lent again that is open now: the tables changed under their prepared statements."""
        self._epoch += 1

    def gauges(self) -> dict[str, int]:
        return {
            "connections idle": len(self._idle),
            "connections lent": len(self._lent),
            "calls waiting": len(self._waiting),
        }

    async def close(self) -> None:
        """Lend no more, and return once all that was lent came back; who keeps it for long loses it."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable(_CLOSED))
        while self._idle:
            lent = self._idle.pop()
            with suppress(*CANNOT_CONNECT):
                await lent.raw.close(timeout=WAIT)
            self.drop(lent)
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await self._emptied.wait()
        for lent in list(self._lent):
            self.drop(lent)

    def _take_idle(self) -> Lent | None:
        while self._idle:
            lent = self._idle.pop()
            if self._is_good(lent):
                return lent
            self.drop(lent)
        return None

    def _is_good(self, lent: Lent) -> bool:
        return (
            lent.epoch == self._epoch
            and not self._closed
            and not lent.raw.is_closed()
            and time.monotonic() < lent.renew_at
        )

    def _is_doubtful(self, lent: Lent) -> bool:
        return lent.used_at <= self._doubted_at or time.monotonic() - lent.used_at > CHECK_AFTER

    async def _is_alive(self, lent: Lent) -> bool:
        try:
            await lent.raw.execute("SELECT 1", timeout=_CHECK_TIMEOUT)
        except BaseException as error:
            self.drop(lent)
            if isinstance(error, (*LOST, asyncpg.PostgresError)):
                return False
            raise
        lent.used_at = time.monotonic()
        return True

    async def _open_or_wait(self) -> Lent:
        if self._closed:
            raise Unavailable(_CLOSED)
        if self._open < self._size:
            self._open += 1
            return await self._connect()
        waiter: asyncio.Future[Lent | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(WAIT):
                lent = await waiter
        except BaseException as error:
            self._pass_on(waiter)
            if isinstance(error, TimeoutError):
                raise Unavailable("All database connections are busy.") from error
            raise
        return lent if lent is not None else await self._connect()

    def _pass_on(self, waiter: asyncio.Future[Lent | None]) -> None:
        """A waiter that leaves just as it is served gives what it got to the next."""
        if not waiter.done() or waiter.cancelled() or waiter.exception() is not None:
            return
        lent = waiter.result()
        if lent is not None:
            self.give(lent)
        else:
            self._free_place()

    def _free_place(self) -> None:
        """One connection fewer is open: whoever waits next may open one in its place."""
        while self._waiting and not self._closed:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._open -= 1
        if self._closed and not self._open:
            self._emptied.set()

    async def _connect(self) -> Lent:
        """Open a connection in a place that is already counted."""
        epoch = self._epoch
        try:
            async with asyncio.timeout(WAIT):
                raw = await asyncpg.connect(self._url, **self._options)
        except BaseException as error:
            self._free_place()
            if isinstance(error, CANNOT_CONNECT):
                raise Unavailable("The database cannot be reached.") from error
            raise
        return Lent(raw, epoch)
