"""Does the server grow by being used? Memory over 100,000 logins, refreshes and logouts.

A thousand people sign in, refresh and sign out, again and again, over connections that stay open. What the process
holds is read every tenth part. The first half fills what has a bounded size: verified tokens, SQLite's pages, limits,
and the sessions that ended while an access token of theirs may still hold. In the second half memory is to stay where
it is, within a twentieth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import Server, Table, take_load_core, verdict, write_results
from benchmarks.contestants import Septet

CYCLES = 100_000
_PEOPLE, _CONNECTIONS, _PARTS = 1000, 16, 10
_PASSWORD = "a password of twenty-one letters"
_GROWTH = 1.05


class Cheap(Septet):
    """Septet but for the cost of a hash, which would only make it take an hour."""

    def command(self, port: int) -> list[str]:
        command = super().command(port)
        self.environment |= {"SEPTET_IDENTITY_ARGON2_MEMORY": "64", "SEPTET_IDENTITY_ARGON2_TIME": "1"}
        return command


class Connection:
    """One connection that stays open, and speaks just as much HTTP/1.1 as it must."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> dict[str, Any]:
        """The reply's body. Raises RuntimeError for one that is no success."""
        sent = b"" if body is None else json.dumps(body).encode()
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        status, *headers = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lengths = [line.partition(":")[2] for line in headers if line.lower().startswith("content-length:")]
        given = await self._reader.readexactly(int(lengths[0])) if lengths else b""
        if not status.split()[1].startswith("2"):
            raise RuntimeError(f"{method} {path}: {status} {given[:300]!r}")
        return json.loads(given) if given else {}


def run(*, quick: bool = False) -> None:
    take_load_core()
    cycles = CYCLES // 20 if quick else CYCLES
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder:
        septet = Cheap(Path(folder))
        septet.start()
        try:
            began = time.perf_counter()
            held = asyncio.run(_measure(septet.server, cycles))
            seconds = time.perf_counter() - began
        finally:
            septet.stop()
    about = f"{cycles:,} cycles of login, refresh and logout in {seconds:.0f} s; Argon2id with 64 KiB and one pass."
    write_results("identity-memory", [_table(held, cycles)], about=f"{(__doc__ or '').strip()}\n\n{about}")


async def _measure(server: Server, cycles: int) -> list[float]:
    """Megabytes held: at the beginning, then after each part."""
    connections = [Connection(*await asyncio.open_connection("127.0.0.1", server.port)) for _ in range(_CONNECTIONS)]
    emails = [f"p{number}@example.org" for number in range(_PEOPLE)]
    for email in emails:
        await connections[0].call("POST", "/v1/identity/accounts", {"email": email, "password": _PASSWORD})
    held = [server.memory().pss]
    for part in range(_PARTS):
        each = cycles // _PARTS // _CONNECTIONS
        await asyncio.gather(
            *(_use(connection, emails[number::_CONNECTIONS], each) for number, connection in enumerate(connections))
        )
        held.append(server.memory().pss)
        print(f"  {(part + 1) * cycles // _PARTS:,} cycles: {held[-1]:.1f} MB", flush=True)
    return held


async def _use(connection: Connection, emails: Sequence[str], cycles: int) -> None:
    for number in range(cycles):
        credentials = {"email": emails[number % len(emails)], "password": _PASSWORD}
        opened = await connection.call("POST", "/v1/identity/sessions", credentials)
        body = {"refresh_token": opened["refresh_token"]}
        renewed = await connection.call("POST", "/v1/identity/sessions/refresh", body)
        await connection.call("DELETE", "/v1/identity/sessions/current", token=renewed["access_token"])


def _table(held: list[float], cycles: int) -> Table:
    rows = [[f"{part * cycles // _PARTS:,}", f"{megabytes:.1f}"] for part, megabytes in enumerate(held)]
    growth = held[-1] / held[_PARTS // 2]
    note = f"In the second half {growth:.3f} times: {verdict(growth <= _GROWTH)} (at most {_GROWTH})."
    return Table("Memory", ["cycles", "MB (PSS)"], rows, [note])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short, for a first look: the figures will be rough")
    run(quick=parser.parse_args().quick)
