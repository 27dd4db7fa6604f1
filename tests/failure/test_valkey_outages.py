"""Valkey is away, hangs, comes back, or forgets all: calls go on, nothing stale is given, limits hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from septet.app import Septet
from septet.core.errors import TooMany, Unavailable
from septet.core.floor import FLOOR
from septet.engines.cache.valkey import ValkeyCache
from septet.engines.valkey import Valkey
from septet.settings import WrongSettingError
from support.app import running_septet
from support.calls import Caller, person
from support.sample_system import NOTES
from support.valkey import ValkeyServer

LONGEST_CALL = 3.0  # seconds, for a crowded machine; patience is half a second a try


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A server of this test alone."""
    with ValkeyServer() as server:
        yield server


@asynccontextmanager
async def septet_on(folder: Path, url: str, **settings: Any) -> AsyncIterator[Septet]:
    database = f"sqlite:///{folder}/septet.db"
    async with running_septet(database, folder, systems=[FLOOR, NOTES], valkey_url=url, **settings) as septet:
        yield septet


async def until_trusted(septet: Septet) -> None:
    """Until this process's cache gives what it keeps."""
    cache = septet.runtime.cache
    assert cache is not None
    async with asyncio.timeout(5):
        while (await cache.look(b"probe", [])).stamp is None:
            await asyncio.sleep(0.05)


async def test_without_valkey_septet_starts_and_works(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with septet_on(tmp_path, "redis://127.0.0.1:1/0", limits=True) as septet:
            ann = Caller(septet, person(1))
            note = await ann("create_note", body={"title": "one"})
            for title in ("two", "three"):
                await ann("change_note", id=note.id, body={"title": title})
                assert (await ann("read_note", id=note.id)).title == title
    events = [line["event"] for line in logs]
    assert events.count("Valkey does not answer: going on without it") == 1
    assert events.count("limits are not shared now: each process counts by itself") == 1


@pytest.mark.parametrize("how", ["stopped", "hanging"])
async def test_when_valkey_goes_away_calls_go_on(tmp_path: Path, server: ValkeyServer, how: str) -> None:
    async with septet_on(tmp_path, server.url) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        if how == "stopped":
            server.stop()
        else:
            server.hang()
        began = time.monotonic()
        await ann("change_note", id=note.id, body={"title": "two"})
        titles = [(await Caller(septet, person(1))("read_note", id=note.id)).title for _ in range(50)]
        assert titles == ["two"] * 50
        assert time.monotonic() - began < LONGEST_CALL
        server.hang(False)


async def test_what_was_changed_while_valkey_was_away_is_not_given_stale_when_it_is_back(
    tmp_path: Path, server: ValkeyServer
) -> None:
    async with septet_on(tmp_path, server.url) as one, septet_on(tmp_path, server.url) as two:
        here, there = Caller(one, person(1)), Caller(two, person(1))
        note = await here("create_note", body={"title": "old"})
        assert (await there("read_note", id=note.id)).title == "old"  # and it is kept for half a minute
        server.hang()
        await here("change_note", id=note.id, body={"title": "new"})
        server.hang(False)
        assert (await here("read_note", id=note.id)).title == "new"
        await until_trusted(one)
        for caller in (here, there):
            assert (await caller("read_note", id=note.id)).title == "new"


async def test_a_valkey_that_forgot_everything_gives_nothing_stale(tmp_path: Path, server: ValkeyServer) -> None:
    async with septet_on(tmp_path, server.url) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        server.empty()
        await ann("change_note", id=note.id, body={"title": "two"})
        assert (await ann("read_note", id=note.id)).title == "two"


async def test_too_many_failed_invalidations_become_one_of_everything(server: ValkeyServer) -> None:
    valkey = Valkey(server.url)
    cache = ValkeyCache(valkey)
    looked = await cache.look(b"key", ["a"])
    assert looked.stamp is not None
    await cache.keep(b"key", looked.stamp, b"value", seconds=60, cost=0)
    assert (await cache.look(b"key", ["a"])).value == b"value"
    server.stop()
    await cache.invalidate(f"tag {number}" for number in range(20_000))
    assert len(cache._owed) == 1
    server.start()
    async with asyncio.timeout(5):
        while (await cache.look(b"key", ["a"])).stamp is None:
            await asyncio.sleep(0.05)
    assert (await cache.look(b"key", ["a"])).value is None
    await valkey.close()


async def test_an_invalidation_that_is_cut_off_is_owed(server: ValkeyServer) -> None:
    valkey = Valkey(server.url)
    cache = ValkeyCache(valkey)
    looked = await cache.look(b"key", ["a"])
    assert looked.stamp is not None
    await cache.keep(b"key", looked.stamp, b"value", seconds=60, cost=0)
    server.hang()
    cut_off = asyncio.create_task(cache.invalidate(["a"]))
    await asyncio.sleep(0.05)
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    server.hang(False)
    assert (await cache.look(b"key", ["a"])).value is None
    await valkey.close()


async def test_limits_hold_in_each_process_while_valkey_is_away_and_in_all_when_it_is_back(
    tmp_path: Path, server: ValkeyServer
) -> None:
    limited = {"limits": True, "limit_default": 10}
    async with (
        septet_on(tmp_path, server.url, **limited) as one,
        septet_on(tmp_path, server.url, **limited) as two,
    ):
        server.hang()
        for _ in range(10):
            await Caller(one, person(1))("list_notes")
        with pytest.raises(TooMany):
            await Caller(one, person(1))("list_notes")
        server.hang(False)
        assert two.runtime.sharing is not None
        assert one.runtime.sharing is not None
        async with asyncio.timeout(5):
            while not await one.runtime.sharing.exchange() or not await two.runtime.sharing.exchange():
                await asyncio.sleep(0.1)
        with pytest.raises(TooMany):
            await Caller(two, person(1))("list_notes")


async def test_after_a_failure_only_one_tries_again(server: ValkeyServer) -> None:
    now = 100.0
    valkey = Valkey(server.url, lambda: now)
    tried: list[int] = []

    async def fail(_: Any) -> None:
        tried.append(1)
        await asyncio.sleep(0)
        raise ConnectionError

    async def many() -> None:
        for outcome in await asyncio.gather(*(valkey.ask(fail) for _ in range(20)), return_exceptions=True):
            assert isinstance(outcome, Unavailable)

    with pytest.raises(Unavailable):
        await valkey.ask(fail)
    await many()
    assert len(tried) == 1
    now += 0.6
    await many()
    assert len(tried) == 2
    now += 2
    assert await valkey.ask(lambda client: client.ping())
    assert (await valkey.version()).startswith("Valkey ")
    await valkey.close()


def test_a_url_that_cannot_be_one_is_said_at_start() -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_VALKEY_URL"):
        Valkey("redis://host:port/0")
