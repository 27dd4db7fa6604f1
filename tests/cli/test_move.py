"""`septet move`: every row arrives, whatever is written, killed or in the way meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from septet.core.columns import to_microseconds
from septet.core.ids import new_id
from septet.core.runtime import utc_now
from support.databases import new_postgresql_database
from support.people import PASSWORD
from support.postgres import PostgresServer
from support.server import Server, started, wait_until

ROWS = 100_000
ADA = {"email": "ada@example.org", "password": PASSWORD}
MOVE = [sys.executable, "-c", "from septet.cli.main import main; main()", "move", "--to", "-"]


@pytest.fixture
def target(postgres_server: PostgresServer) -> Iterator[str]:
    with new_postgresql_database(postgres_server) as url:
        yield url


def begin_move(folder: Path, target: str, *more: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    environment |= {"SEPTET_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*MOVE, *more],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{target}\n")
    process.stdin.flush()
    return process


def move(folder: Path, target: str, *more: str) -> tuple[int, str]:
    with begin_move(folder, target, *more) as process:
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def fill(folder: Path, rows: int) -> None:
    """Accounts, as many as there may be on a busy day; written into the file behind the server's back."""
    now = to_microseconds(utc_now())
    connection = sqlite3.connect(folder / "data" / "septet.db")
    columns = [row[1] for row in connection.execute("pragma table_info(identity_account)")]
    needed = {
        "id": lambda number: new_id().bytes,
        "email": lambda number: f"person{number}@example.org",
        "name": lambda number: f"Pérson {number} 🙂" if number % 3 else None,
        "locale": lambda number: "en",
    }
    types = {row[1]: (row[2], row[3]) for row in connection.execute("pragma table_info(identity_account)")}

    def value(column: str, number: int) -> object:
        if column in needed:
            return needed[column](number)
        kind, required = types[column]
        return None if not required else now if kind == "BIGINT" else f"{column} {number}"

    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"insert into identity_account ({', '.join(columns)}) values ({marks})",
        ([value(column, number) for column in columns] for number in range(rows)),
    )
    connection.commit()
    connection.close()


class Writer:
    """Goes on writing through the server's front door, and remembers what was acknowledged."""

    def __init__(self, server: Server, token: str) -> None:
        self.acknowledged = 0
        self._client = httpx.Client(base_url=server.address, headers={"authorization": f"Bearer {token}"})
        self._thread = threading.Thread(target=self._write)
        self._ending = False
        self._thread.start()

    def _write(self) -> None:
        number = 0
        while not self._ending:
            number += 1
            try:
                reply = self._client.patch("/v1/identity/me", json={"name": f"name {number}"})
            except httpx.HTTPError:
                return
            if reply.status_code == 200:
                self.acknowledged = number

    def end(self) -> None:
        self._ending = True
        self._thread.join(10)
        self._client.close()


def sign_up(server: Server) -> tuple[UUID, str]:
    """An account that is signed in: its id and access token."""
    reply = httpx.post(f"{server.address}/v1/identity/accounts", json=ADA, timeout=10)
    assert reply.status_code < 300, reply.text
    return UUID(reply.json()["account"]["id"]), reply.json()["access_token"]


def ask(url: str, statement: str, *values: object) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_every_row_arrives_while_the_server_writes(tmp_path: Path, target: str) -> None:
    with started(tmp_path, identity_email_verification="off") as server:
        server.wait_until_ready()
        me, token = sign_up(server)
        fill(tmp_path, ROWS)
        writer = Writer(server, token)
        with begin_move(tmp_path, target) as moving:
            assert moving.stdout is not None
            said = []
            for line in moving.stdout:
                said.append(line)
                if "Stop the server" in line:
                    break
            assert moving.poll() is None, said
            before_stop = writer.acknowledged
            writer.end()
            assert server.stop() == 0
            said += list(moving.stdout)
        assert moving.returncode == 0, said
    assert before_stop > 0
    assert ask(target, "select count(*) from identity_account") == ROWS + 1
    assert ask(target, "select name from identity_account where id = $1", me) == f"name {writer.acknowledged}"
    assert ask(target, "select count(*) from pg_constraint where contype = 'f'") >= 2
    assert ask(target, "select to_regclass('septet_move')") is None
    with started(tmp_path) as server:
        wait_until(lambda: server.process.poll() is not None)
        assert "was moved to" in server.said
    with started(tmp_path, database_url=target) as server:
        server.wait_until_ready()
        signed_in = httpx.post(f"{server.address}/v1/identity/sessions", json=ADA, timeout=10)
        assert signed_in.json()["account"]["id"] == str(me), signed_in.text


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path, target: str) -> None:
    with started(tmp_path) as server:
        server.wait_until_ready()
        server.stop()
    fill(tmp_path, 20_000)
    for pause in (0.0, 0.1, 0.2, 0.4, 0.8):
        with begin_move(tmp_path, target) as moving:
            assert moving.stdout is not None
            moving.stdout.readline()  # round 1
            time.sleep(pause)
            moving.send_signal(signal.SIGKILL)
    if not (tmp_path / "data" / "septet.db.moved").exists():
        with started(tmp_path, database_url=target) as server:
            wait_until(lambda: server.process.poll() is not None)
            assert "is not finished" in server.said
        code, said = move(tmp_path, target)
        assert (code, "the same on both sides" in said) == (0, True), said
    assert ask(target, "select count(*) from identity_account") == 20_000


def test_a_target_that_is_not_empty_is_refused(tmp_path: Path, target: str) -> None:
    with started(tmp_path) as server:
        server.wait_until_ready()
        server.stop()
    other = tmp_path / "other"
    other.mkdir()
    with started(other, database_url=target, identity_email_verification="off") as server:
        server.wait_until_ready()
        sign_up(server)
        server.stop()
    code, said = move(tmp_path, target)
    assert code == 1
    assert "not empty" in said
    assert ask(target, "select count(*) from identity_account") == 1


def test_a_server_that_is_not_stopped_keeps_its_database(tmp_path: Path, target: str) -> None:
    with started(tmp_path) as server:
        server.wait_until_ready()
        code, said = move(tmp_path, target, "--wait", "0.5")
        assert code == 1
        assert "somebody still uses the database" in said
        assert server.get("/health/ready").status_code == 200
    assert not (tmp_path / "data" / "septet.db.moved").exists()


def test_what_is_no_postgresql_is_refused(tmp_path: Path) -> None:
    code, said = move(tmp_path, "mysql://localhost/x")
    assert (code, "postgresql://" in said) == (2, True)
