"""The door for `septet call` while a server runs: a Unix socket in the data folder, for the folder's owner alone.

One process of those that answer has it: whoever holds the lock beside it, which ends with the process, however that
ends. A socket that a killed process left behind is replaced by the next. Where there can be no socket, as on a path
that is too long for one, calls are done by the processes that make them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from septet import settings as reading
from septet.cli.local_calls import MOST_BYTES, SOCKET, Ask, Caller, Said, reads_the_callers, settings_path, this_process

if TYPE_CHECKING:
    from septet.app import Septet

log = structlog.get_logger()

LOCK = f"{SOCKET}.lock"
_ROOT = 0
_MOST_AT_ONCE = 32  # calls; what comes beyond is left to the caller's process
_BACKLOG = 64
_TO_READ = 5.0  # seconds that a caller gets to send its call, and to take its reply
_UNTIL_NEXT_TRY = 2.0  # seconds until another process's lock is tried again
_CREDENTIALS = "3i"  # pid, uid, gid: Linux's struct ucred
_FAILED = Said(stderr="septet: the call failed in the server; its log says why\n", exit_code=1)


@asynccontextmanager
async def local_door(septet: Septet) -> AsyncIterator[LocalDoor]:
    """Open it as soon as no other process has it, and close it at the end."""
    door = LocalDoor(septet, this_process(settings_path(reading.FILE_NAME)))
    opening = asyncio.create_task(door.open())
    try:
        yield door
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await door.end()


class LocalDoor:
    def __init__(self, septet: Septet, server: Caller) -> None:
        self._septet = septet
        self._server = server
        self._folder = septet.runtime.floor.data_dir
        self._lock: int | None = None
        self._listening: asyncio.AbstractServer | None = None
        self._closed = False
        self._connections: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()  # of the connections, those whose call is known

    async def open(self) -> None:
        try:
            while not self._holds_lock():  # noqa: ASYNC110 - another process's lock sets no event
                await asyncio.sleep(_UNTIL_NEXT_TRY)
            if self._closed:
                return
            listener = _listener_at(self._folder / SOCKET)
            self._listening = await asyncio.start_unix_server(self._on_connection, sock=listener, limit=MOST_BYTES)
        except OSError as error:
            log.debug("no socket for calls of this machine", reason=str(error))

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            (self._folder / SOCKET).unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def drain(self) -> None:
        """Take no more calls, and wait until those that run are done."""
        self.close()
        if self._calls:
            await asyncio.wait(self._calls)

    async def end(self) -> None:
        self.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _holds_lock(self) -> bool:
        lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if _is_ours(writer):
                await self._answer(reader, writer, task)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller left, or sent no call: nothing was done
        finally:
            self._connections.discard(task)
            self._calls.discard(task)
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        async with asyncio.timeout(_TO_READ):
            line = await reader.readuntil(b"\n")
        self._calls.add(task)
        writer.write(msgspec.json.encode(await self._said(line)))
        async with asyncio.timeout(_TO_READ):
            await writer.drain()

    async def _said(self, line: bytes) -> Said | None:
        """None leaves it to the caller."""
        try:
            ask = msgspec.json.decode(line, type=Ask)
        except (msgspec.DecodeError, RecursionError):  # the latter: nested too deep
            return None
        same = ask.caller.does_the_same_as(self._server)
        if self._closed or not same or reads_the_callers(ask.words) or len(self._calls) > _MOST_AT_ONCE:
            return None
        from septet.cli.call import said_to

        try:
            return await said_to(self._septet, ask.words, ask.terminals)
        except (Exception, SystemExit):  # one call is no reason for a server to end
            log.exception("a call of this machine failed")
            return _FAILED


def _listener_at(path: Path) -> socket.socket:
    """A socket that nobody else can open at any moment. Whatever was there before is gone."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the caller is who runs this server, or root. The socket's mode says the same; this is beside it."""
    descriptor = os.dup(writer.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as connection:
        return may_call(peer_of(connection))


def may_call(uid: int | None) -> bool:
    return uid is None or uid in (_ROOT, os.geteuid())


def peer_of(connection: socket.socket) -> int | None:
    """The user at the other end, None where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
    uid: int = struct.unpack(_CREDENTIALS, packed)[1]
    return uid
