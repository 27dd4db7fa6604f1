"""The server's side of `septet call`: who is let in, how many at once, how long, and until when."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from septet.app import Septet
from septet.cli import call, local_door
from septet.cli.local_calls import SOCKET, Ask, Caller, Said, Terminals
from septet.cli.local_door import LocalDoor
from septet.testing import running_septet
from septet.testing.databases import new_sqlite_database

SERVER = Caller("1", "/venv", None)
SOMEBODY_ELSE = 65_534  # nobody's number, on most systems
PATIENCE = 10.0


class Slow:
    """Stands for what does the calls: each waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running = 0
        self.most = 0
        self.go = asyncio.Event()
        monkeypatch.setattr(call, "said_to", self._said_to)

    async def _said_to(self, septet: Septet, words: Sequence[str], terminals: Terminals) -> Said:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        return Said(stdout=words[0])


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[LocalDoor]:
    folder.mkdir(exist_ok=True)
    async with running_septet(new_sqlite_database(folder), folder, doors=False) as septet:
        door = LocalDoor(septet, SERVER)
        await door.open()
        try:
            yield door
        finally:
            await door.end()


async def ask(folder: Path, *words: str) -> bytes:
    """What the door says to a call of these words: a Said in JSON, null, or nothing."""
    reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET))
    try:
        writer.write(msgspec.json.encode(Ask(SERVER, list(words), Terminals())) + b"\n")
        return await asyncio.wait_for(reader.read(), PATIENCE)
    finally:
        writer.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.001)


async def test_it_does_a_call(tmp_path: Path) -> None:
    async with opened(tmp_path / "data"):
        said = msgspec.json.decode(await ask(tmp_path / "data", "list_accounts"), type=Said)
        assert (msgspec.json.decode(said.stdout)["items"], said.exit_code) == ([], 0)


async def test_another_user_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the modes of the folder and of the socket would let them in."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with opened(folder):
            (folder / SOCKET).chmod(0o666)
            stranger = socket.socket(socket.AF_UNIX)
            with stranger:
                if os.geteuid() == 0:
                    os.seteuid(SOMEBODY_ELSE)
                    try:
                        stranger.connect(str(folder / SOCKET))
                    finally:
                        os.seteuid(0)
                else:
                    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY_ELSE)
                    stranger.connect(str(folder / SOCKET))
                assert await asyncio.to_thread(_said_to_stranger, stranger) == b""
            monkeypatch.undo()
            assert await ask(folder, "list_accounts")


def _said_to_stranger(stranger: socket.socket) -> bytes:
    stranger.settimeout(PATIENCE)
    try:
        stranger.sendall(msgspec.json.encode(Ask(SERVER, ["list_accounts"], Terminals())) + b"\n")
        return stranger.recv(100)
    except (BrokenPipeError, ConnectionResetError):
        return b""


async def test_calls_beyond_a_number_are_left_to_those_who_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, most = tmp_path / "data", local_door._MOST_AT_ONCE
    async with opened(folder):
        slow = Slow(monkeypatch)
        silent = [await asyncio.open_unix_connection(str(folder / SOCKET)) for _ in range(most)]
        calls = [asyncio.create_task(ask(folder, f"call {number}")) for number in range(most)]
        await until(lambda: slow.running == most)  # who says nothing takes nobody's place
        assert [await ask(folder, "one more") for _ in range(3)] == [b"null"] * 3
        slow.go.set()
        said = [msgspec.json.decode(reply, type=Said).stdout for reply in await asyncio.gather(*calls)]
        assert said == [f"call {number}" for number in range(most)]
        assert slow.most == most
        assert msgspec.json.decode(await ask(folder, "again"), type=Said).stdout == "again"
        for _, writer in silent:
            writer.close()


async def test_who_is_slow_to_say_or_to_hear_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    monkeypatch.setattr(local_door, "_TO_READ", 0.05)

    async def long(septet: Septet, words: Sequence[str], terminals: Terminals) -> Said:
        return Said(stdout="x" * 10_000_000)

    async with opened(folder) as door:
        reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET))
        writer.write(b'{"caller": ')
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()
        monkeypatch.setattr(call, "said_to", long)
        deaf = socket.socket(socket.AF_UNIX)
        with deaf:
            deaf.connect(str(folder / SOCKET))
            deaf.sendall(msgspec.json.encode(Ask(SERVER, ["list_accounts"], Terminals())) + b"\n")
            await until(lambda: door._connections)
            await until(lambda: not door._connections)


async def test_draining_waits_for_calls_and_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    async with opened(folder) as door:
        slow = Slow(monkeypatch)
        silent = await asyncio.open_unix_connection(str(folder / SOCKET))
        late = await asyncio.open_unix_connection(str(folder / SOCKET))
        running = asyncio.create_task(ask(folder, "running"))
        await until(lambda: slow.running == 1)
        draining = asyncio.create_task(door.drain())
        await until(lambda: not (folder / SOCKET).exists())
        with pytest.raises(OSError, match=r"No such file|refused"):
            await ask(folder, "new")
        late[1].write(msgspec.json.encode(Ask(SERVER, ["late"], Terminals())) + b"\n")
        assert await asyncio.wait_for(late[0].read(), PATIENCE) == b"null"  # nothing was done
        assert not draining.done()
        slow.go.set()
        await asyncio.wait_for(draining, PATIENCE)  # whoever says nothing is not waited for
        assert msgspec.json.decode(await running, type=Said).stdout == "running"
        for _, writer in (silent, late):
            writer.close()


async def test_what_does_not_end_is_cut_off_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    async with opened(folder) as door:
        slow = Slow(monkeypatch)
        endless = asyncio.create_task(ask(folder, "endless"))
        await until(lambda: slow.running == 1)
        await asyncio.wait_for(door.end(), PATIENCE)
        assert (slow.running, await endless) == (0, b"")


@pytest.mark.parametrize(
    "line",
    [b'{"x": ' + b"[" * 200_000, b'{"caller": {"release": "1", "x": ' + b'{"a": ' * 100_000, b"[" * 300_000],
    ids=["an array", "objects", "nothing else"],
)
async def test_what_is_nested_too_deep_is_no_call(line: bytes, tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as door:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "data" / SOCKET))
        writer.write(line + b"\n")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b"null"
        writer.close()
        await until(lambda: not door._connections)
        assert failures == []
