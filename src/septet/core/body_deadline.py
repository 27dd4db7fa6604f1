"""How long clients may take to send their bodies.

`asyncio.timeout` sets a timer for each body, which costs more than reading a small one. Here one timer looks a few
times within the limit at all bodies that are being read; so a slow client is cut off up to a quarter later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from septet.core.http_problems import BodyTimeout

_LOOKS = 4  # within the limit


class BodyDeadline:
    """Bounds the reading of bodies in one event loop, each to `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[object], float] = {}
        self._overdue: set[asyncio.Task[object]] = set()
        self._looking = False

    async def read(self, reading: Awaitable[bytes]) -> bytes:
        """What `reading` gives. Raises BodyTimeout if that takes too long."""
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        self._until[task] = loop.time() + self._seconds
        if not self._looking:
            self._looking = True
            loop.call_later(self._seconds / _LOOKS, self._look, loop)
        try:
            return await reading
        except asyncio.CancelledError:
            if task in self._overdue and not task.uncancel():
                raise BodyTimeout(f"The body took more than {self._seconds:g} seconds.") from None
            raise
        finally:
            del self._until[task]
            self._overdue.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is overdue, and look again while anything is read."""
        now = loop.time()
        for task, until in self._until.items():
            if until <= now and task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        self._looking = bool(self._until)
        if self._looking:
            loop.call_later(self._seconds / _LOOKS, self._look, loop)
