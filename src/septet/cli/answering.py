"""One process that answers: the application and its HTTP server in one event loop, until it is asked to end.

Stopping: this process says that it is not ready and takes no more connections; requests that run get
`drain_timeout` to end; then tasks, watches and the database end in turn. A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from septet.app import Septet, running
from septet.cli.listener import BACKLOG
from septet.cli.local_door import LocalDoor, local_door
from septet.doors.http1 import HttpServer
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.core.system import System

log = structlog.get_logger()

ENDED_AT_ONCE = 1
_ASK_TO_END = (signal.SIGTERM, signal.SIGINT)


class Plan(Struct, frozen=True):
    """What a process that answers is made of."""

    settings: Settings
    of_systems: Mapping[type[Struct], Struct]
    systems: Sequence[System]


async def answer(
    plan: Plan,
    listener: socket.socket,
    *,
    migrate: bool = True,
    answering: Callable[[Septet], Awaitable[None]] | None = None,
    asked_to_end: asyncio.Event | None = None,
) -> None:
    """Answer requests on `listener` until a signal, or `asked_to_end`; call `answering` once it does."""
    asked = asked_to_end or asyncio.Event()
    _listen_to_signals(asked)
    async with running(plan.settings, plan.of_systems, plan.systems, migrate=migrate) as septet:
        server = HttpServer(septet.asgi, backlog=BACKLOG)
        await server.start(listener)
        gc.collect()
        gc.freeze()  # what is there now stays: no need to look through it again and again
        gc.enable()
        if answering is not None:
            await answering(septet)
        async with local_door(septet) as door:
            await asked.wait()
            listener.close()  # the server has a copy; while any is open, connections are still accepted
            await _drain(septet, door, server)


def _listen_to_signals(asked: asyncio.Event) -> None:
    def end() -> None:
        if asked.is_set():
            os._exit(ENDED_AT_ONCE)
        asked.set()

    loop = asyncio.get_running_loop()
    for number in _ASK_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:  # a supervised process leaves Ctrl-C to its supervisor
            loop.add_signal_handler(number, end)


async def _drain(septet: Septet, door: LocalDoor, server: HttpServer) -> None:
    draining = asyncio.create_task(septet.asgi.drain())  # from now on it is not ready
    calls = asyncio.create_task(door.drain())
    await asyncio.sleep(0)
    server.stop()  # from now on it takes no connections, and closes those that are idle
    closing = asyncio.create_task(server.wait_until_closed())
    timeout = septet.runtime.floor.drain_timeout
    _, late = await asyncio.wait({draining, calls, closing}, timeout=timeout)
    if late:
        log.warning("requests were cut off: they ran longer than stopping may take", seconds=timeout)
        for task in late:
            task.cancel()
        await server.abort()
        await asyncio.wait(late, timeout=1.0)
