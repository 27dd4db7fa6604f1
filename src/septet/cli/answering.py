"""One process that answers: the application and granian's server in one event loop, until it is asked to end.

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
from typing import TYPE_CHECKING, Any

import structlog
from granian import net
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from msgspec import Struct

from septet.app import Septet, running
from septet.cli.listener import BACKLOG
from septet.cli.local_door import LocalDoor, local_door
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.core.system import System

log = structlog.get_logger()

ENDED_AT_ONCE = 1
_ASK_TO_END = (signal.SIGTERM, signal.SIGINT)
# granian's own lines go the way of all others; what its embedded server says below an error is of no use to anybody
_LOGGING: dict[str, Any] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


class Plan(Struct, frozen=True):
    """What a process that answers is made of."""

    settings: Settings
    of_systems: Mapping[type[Struct], Struct]
    systems: Sequence[System]


_SocketHolder: Any = getattr(net, "SocketHolder")  # granian's types leave its arguments out


class OurSocketServer(Server):
    """granian's embedded server on a socket that is open already."""

    def __init__(self, application: Any, listener: socket.socket) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            backlog=BACKLOG,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # The server closes what it is given, and the supervisor needs the socket for the next worker.
        holder = _SocketHolder(os.dup(self._listener.fileno()), False, BACKLOG)
        self._shd, self._sfd = holder, holder.get_fd()
        self._ssp = None

    def stop(self) -> None:
        """Take no more connections, close idle ones, and end once requests that run have their replies."""
        self.interrupt_signal = True
        self.main_loop_interrupt.set()


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
        server = OurSocketServer(septet.asgi, listener)
        serving = asyncio.create_task(server.serve())
        gc.collect()
        gc.freeze()  # what is there now stays: no need to look through it again and again
        gc.enable()
        if answering is not None:
            await answering(septet)
        async with local_door(septet) as door:
            await _first_of(asked, serving)
            listener.close()  # the server has a copy; while any is open, connections are still accepted
            await _drain(septet, door, server, serving)


def _listen_to_signals(asked: asyncio.Event) -> None:
    def end() -> None:
        if asked.is_set():
            os._exit(ENDED_AT_ONCE)
        asked.set()

    loop = asyncio.get_running_loop()
    for number in _ASK_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:  # a supervised process leaves Ctrl-C to its supervisor
            loop.add_signal_handler(number, end)


async def _first_of(asked: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait until we are asked to end. Raises what ended the server before that."""
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()
        raise RuntimeError("the server ended by itself")


async def _drain(septet: Septet, door: LocalDoor, server: OurSocketServer, serving: asyncio.Task[None]) -> None:
    draining = asyncio.create_task(septet.asgi.drain())  # from now on it is not ready
    calls = asyncio.create_task(door.drain())
    await asyncio.sleep(0)
    server.stop()  # from now on it takes no connections, and closes those that are idle
    timeout = septet.runtime.floor.drain_timeout
    _, late = await asyncio.wait({draining, calls, serving}, timeout=timeout)
    if late:
        log.warning("requests were cut off: they ran longer than stopping may take", seconds=timeout)
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=1.0)
