"""Several workers act as one: limits and ended sessions are known to all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.server import Server, serving

PASSWORD = "correct horse battery staple"
WORKERS = 3
CHEAP = {"identity_email_verification": "off", "identity_argon2_memory": 64, "identity_argon2_time": 1}
CONNECTIONS = 24  # fresh ones, that the system spreads over the workers


@pytest.fixture(params=["database", "valkey"])
def valkey(request: pytest.FixtureRequest) -> str:
    """The setting for each way to share."""
    return "" if request.param == "database" else str(request.getfixturevalue("valkey_url"))


@contextmanager
def serving_together(folder: Path, valkey: str, **settings: object) -> Iterator[Server]:
    with serving(folder, workers=WORKERS, valkey_url=valkey, **CHEAP, **settings) as server:
        yield server


def enter(server: Server) -> dict[str, str]:
    """The headers of somebody who just registered and signed in."""
    person = {"email": "ada@example.com", "password": PASSWORD}
    httpx.post(f"{server.address}/v1/identity/accounts", json=person).raise_for_status()
    reply = httpx.post(f"{server.address}/v1/identity/sessions", json=person).raise_for_status()
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def answers(server: Server, headers: dict[str, str], count: int = CONNECTIONS) -> list[int]:
    """The statuses of as many reads, each on a connection of its own."""
    return [httpx.get(f"{server.address}/v1/identity/me", headers=headers).status_code for _ in range(count)]


def test_passwords_are_guessed_no_faster_than_with_one_worker(tmp_path: Path, valkey: str) -> None:
    with serving_together(tmp_path, valkey) as server:
        guess = {"email": "ada@example.com", "password": "a guess that is wrong"}
        found = [httpx.post(f"{server.address}/v1/identity/sessions", json=guess).status_code for _ in range(20)]
        refused = [status for status in found if status == 429]
        assert len(found) - len(refused) == 10


def test_a_limit_that_is_used_up_is_used_up_everywhere(tmp_path: Path, valkey: str) -> None:
    with serving_together(tmp_path, valkey, limit_default=60) as server:
        headers = enter(server)
        began = time.monotonic()
        let_through = answers(server, headers, 200).count(200)
        elapsed = time.monotonic() - began
        assert let_through >= 60 - 2  # that it took to enter
        # What each worker lets through before it hears of the others, and what became free meanwhile.
        assert let_through <= WORKERS * 60 + elapsed
        time.sleep(0.6)
        assert answers(server, headers).count(200) <= 2  # one becomes free a second


def test_an_ended_session_is_refused_by_every_worker_within_a_second(tmp_path: Path, valkey: str) -> None:
    with serving_together(tmp_path, valkey) as server:
        headers = enter(server)
        assert set(answers(server, headers)) == {200}  # every worker remembers the token
        ended = httpx.delete(f"{server.address}/v1/identity/sessions/current", headers=headers)
        assert ended.status_code == 204
        time.sleep(1.0)
        assert set(answers(server, headers)) == {401}
