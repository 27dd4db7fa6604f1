"""Transactions of one name that were undone again and again take turns, and newcomers let them go first.

Without this they stay in each other's way: of 32 callers that change one row at SERIALIZABLE, half give up after
all their tries. The turns are this process's; other processes are kept apart by PostgreSQL alone.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Turns:
    """The turns of one name."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._before = 0  # those that have a turn or wait for one
        self._newcomers: list[asyncio.Future[None]] = []

    async def let_go_first(self) -> None:
        """Wait until nobody has or awaits a turn."""
        while self._before:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._newcomers.append(waiter)
            await waiter

    async def __aenter__(self) -> None:
        self._before += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._before -= 1
        if self._before == 0:
            for waiter in self._newcomers:
                if not waiter.done():
                    waiter.set_result(None)
            self._newcomers.clear()
