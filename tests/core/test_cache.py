"""Cached reads through the whole pipeline, in memory and in Valkey: quick, never someone else's, never stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from septet.app import Septet
from septet.core.cache import cached_for
from septet.core.context import Context
from septet.core.errors import NotFound, Unavailable
from septet.core.floor import FLOOR
from septet.core.operation import collect, operation
from septet.core.tags import Tags
from support import sample_system
from support.app import running_septet
from support.calls import Caller, person
from support.sample_system import NOTES, NotePatch
from support.sql import execute
from support.valkey import ValkeyServer

Run = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["memory", "valkey"])
def valkey(request: pytest.FixtureRequest) -> str:
    """The setting for each cache in turn."""
    return "" if request.param == "memory" else str(request.getfixturevalue("valkey_url"))


@asynccontextmanager
async def septet_on(folder: Path, valkey: str, database_url: str = "", **settings: Any) -> AsyncIterator[Septet]:
    url = database_url or f"sqlite:///{folder}/septet.db"
    async with running_septet(url, folder, systems=[FLOOR, NOTES], valkey_url=valkey, **settings) as septet:
        yield septet


class Reads:
    """Counts how often the database was read, and can hold a read between its work and its end."""

    def __init__(self, septet: Septet) -> None:
        self.count = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self._read = septet.runtime.database.read
        septet.runtime.database.read = self._counted  # type: ignore[method-assign]

    async def _counted(self, work: Any, *, snapshot: bool = False) -> Any:
        self.count += 1
        value = await self._read(work, snapshot=snapshot)
        self.arrived.set()
        await self.gate.wait()
        return value


async def test_what_was_read_is_not_read_again_and_is_the_same(database_url: str, tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey, database_url) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        reads = Reads(septet)
        assert [await ann("read_note", id=note.id) for _ in range(3)] == [note] * 3
        assert reads.count == 1


async def test_a_change_shows_at_once(database_url: str, tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey, database_url) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        await ann("change_note", id=note.id, body={"title": "two"})
        assert (await ann("read_note", id=note.id)).title == "two"
        await ann("pin_note", id=note.id)  # whose tag is filled from its reply
        assert (await ann("read_note", id=note.id)).pinned
        await ann("remove_note", id=note.id)
        with pytest.raises(NotFound):
            await ann("read_note", id=note.id)


async def test_a_change_in_another_process_shows_at_once_with_valkey(tmp_path: Path, valkey_url: str) -> None:
    async with septet_on(tmp_path, valkey_url) as one, septet_on(tmp_path, valkey_url) as two:
        note = await Caller(one, person(1))("create_note", body={"title": "one"})
        assert (await Caller(two, person(1))("read_note", id=note.id)).title == "one"
        reads = Reads(one)
        assert (await Caller(one, person(1))("read_note", id=note.id)).title == "one"
        assert reads.count == 0  # the other process read it
        await Caller(one, person(1))("change_note", id=note.id, body={"title": "two"})
        assert (await Caller(two, person(1))("read_note", id=note.id)).title == "two"


async def test_a_read_that_began_before_a_change_leaves_nothing_stale(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "old"})
        reads = Reads(septet)
        reads.gate.clear()
        slow = asyncio.create_task(Caller(septet, person(1))("read_note", id=note.id))
        await reads.arrived.wait()  # it has read the old title, and is not done
        await ann("change_note", id=note.id, body={"title": "new"})
        late = asyncio.create_task(Caller(septet, person(1))("read_note", id=note.id))
        await asyncio.sleep(0.05)
        reads.gate.set()
        assert (await slow).title == "old"  # it was asked for before
        assert (await late).title == "new"  # it does not join the slow one
        assert (await ann("read_note", id=note.id)).title == "new"


async def test_many_who_miss_at_once_cost_one_read(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        note = await Caller(septet, person(1))("create_note", body={"title": "one"})
        reads = Reads(septet)
        callers = [Caller(septet, person(1)) for _ in range(50)]
        assert await asyncio.gather(*(call("read_note", id=note.id) for call in callers)) == [note] * 50
        assert reads.count == 1


async def test_those_who_wait_for_a_read_that_fails_or_is_cancelled_read_themselves(
    tmp_path: Path, valkey: str
) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        note = await Caller(septet, person(1))("create_note", body={"title": "one"})
        reads = Reads(septet)
        reads.gate.clear()
        first = asyncio.create_task(Caller(septet, person(1))("read_note", id=note.id))
        await reads.arrived.wait()
        others = [asyncio.create_task(Caller(septet, person(1))("read_note", id=note.id)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert reads.count == 1
        first.cancel()
        reads.gate.set()
        assert await asyncio.gather(*others) == [note] * 3
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_what_is_refused_is_not_kept(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        ann, ben = Caller(septet, person(1)), Caller(septet, person(2))
        note = await ann("create_note", body={"title": "Ann's"})
        assert await ann("read_note", id=note.id) == note
        with pytest.raises(NotFound):
            await ben("read_note", id=note.id)
        with pytest.raises(Exception, match="notes:read"):
            await Caller(septet, person(1, frozenset()))("read_note", id=note.id)


async def test_rights_and_sessions_are_told_apart(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        note = await Caller(septet, person(1))("create_note", body={"title": "one"})
        reads = Reads(septet)
        await Caller(septet, person(1))("read_note", id=note.id)
        await Caller(septet, person(1, frozenset({"notes:read"})))("read_note", id=note.id)
        assert reads.count == 2


async def test_a_change_that_is_rolled_back_invalidates_nothing(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        with pytest.raises(Exception, match=r"If-Match|changed"):
            await ann("change_note", id=note.id, body={"title": "two"}, if_match='"another"')
        reads = Reads(septet)
        assert (await ann("read_note", id=note.id)).title == "one"
        assert reads.count == 0


async def test_a_commit_whose_outcome_is_unknown_invalidates(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        write = septet.runtime.database.write

        async def committed_but_not_known(*args: Any, **how: Any) -> Any:
            await write(*args, **how)
            raise Unavailable("It is not known whether the change was made.")

        septet.runtime.database.write = committed_but_not_known  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await ann("change_note", id=note.id, body={"title": "two"})
        assert (await ann("read_note", id=note.id)).title == "two"


async def test_in_memory_nothing_is_kept_for_longer_than_a_second(tmp_path: Path) -> None:
    """Another process, such as a command, changed it, and could not tell."""
    async with septet_on(tmp_path, "") as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        execute(f"sqlite:///{tmp_path}/septet.db", "UPDATE notes_note SET title = 'two'")
        async with asyncio.timeout(1.5):
            while (await ann("read_note", id=note.id)).title != "two":
                await asyncio.sleep(0.05)


async def test_no_cache_at_all(tmp_path: Path) -> None:
    async with septet_on(tmp_path, "", cache_bytes=0) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        reads = Reads(septet)
        for title in ("two", "three"):
            await ann("change_note", id=note.id, body={"title": title})
            assert (await ann("read_note", id=note.id)).title == title
        assert reads.count == 2


async def test_tasks_and_steps_invalidate_by_hand(tmp_path: Path, valkey: str) -> None:
    async with septet_on(tmp_path, valkey) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)

        async def rename(ctx: Context) -> None:
            await sample_system.change_note(ctx, note.id, NotePatch(title="two"))
            ctx.invalidate(f"note:{note.id}")

        await Context(septet.runtime, person(1)).write(rename)
        assert (await ann("read_note", id=note.id)).title == "two"


async def test_what_another_release_wrote_is_not_trusted(tmp_path: Path, valkey_server: ValkeyServer) -> None:
    valkey_server.empty()
    async with septet_on(tmp_path, valkey_server.url) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", body={"title": "one"})
        await ann("read_note", id=note.id)
        cache = septet.runtime.cache
        assert cache is not None
        look = cache.look

        async def looked(*args: Any) -> Any:
            return msgspec.structs.replace(await look(*args), value=b"\x81\xa5title\xa3two")

        cache.look = looked  # type: ignore[method-assign]
        assert await ann("read_note", id=note.id) == note


def arguments_of(name: str) -> Any:
    return next(found for found in collect("notes", [sample_system]) if found.name == name)


@pytest.mark.parametrize("template", ["note:{nothing}", "note:{id.x}", "note:{body.colour}", "note:{reply}", "{id:>4}"])
def test_a_tag_that_cannot_be_filled_is_refused_at_start(template: str) -> None:
    found = arguments_of("change_note")
    with pytest.raises(TypeError, match="the tag"):
        Tags("change_note", [template], found.arguments, found.returns)


def test_tags_are_filled_from_arguments_caller_body_and_reply() -> None:
    found = arguments_of("change_note")
    tags = Tags("n", ["all", "n:{id}", "{actor}/x", "{body.title}", "{reply.title}"], found.arguments, found.returns)
    values = msgspec.convert({"id": "0" * 32, "body": {"title": "t"}}, found.arguments_type)
    reply = msgspec.defstruct("Reply", ["title"])("r")
    ctx: Any = msgspec.defstruct("Ctx", ["actor"])(person(1))
    id = "00000000-0000-0000-0000-000000000000"
    assert tags.fill(ctx, values, reply) == ("all", f"n:{id}", f"{person(1).key}/x", "t", "r")
    assert tags.fill_without_reply(ctx, values) == ("all", f"n:{id}", f"{person(1).key}/x", "t")


def test_what_cannot_be_kept_is_refused_where_it_is_declared() -> None:
    for wrong in (
        lambda: operation.post("/v1/x", scope="x", cache=cached_for(1)),
        lambda: operation.get("/v1/x", scope="x", secret=True, cache=cached_for(1)),
        lambda: operation.get("/v1/x", scope="x", invalidates=("x",)),
        lambda: cached_for(0),
        lambda: cached_for(86_400),
    ):
        with pytest.raises(TypeError):
            wrong()
