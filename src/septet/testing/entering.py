"""Async tests without a plugin: a test that is a coroutine runs in a fresh event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import uvloop

LONGEST = 60.0  # seconds; pytest-timeout's signal does not wake an event loop that waits


class Entering:
    """What a fixture gives to have an async context manager entered in the test's own loop.

    The test receives what the manager yields.
    """

    def __init__(self, manager: AbstractAsyncContextManager[Any]) -> None:
        self.manager = manager


def run_test(test: Callable[..., Awaitable[None]], arguments: dict[str, Any]) -> None:
    async def run() -> None:
        async with asyncio.timeout(LONGEST), AsyncExitStack() as stack:
            for name, value in arguments.items():
                if isinstance(value, Entering):
                    arguments[name] = await stack.enter_async_context(value.manager)
            await test(**arguments)

    uvloop.run(run())
