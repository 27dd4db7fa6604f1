"""`ctx.broadcast`: after the commit, once, in the order of commits; and never if there was none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.core.context import Context
from septet.core.errors import Unavailable
from septet.core.floor import FLOOR
from septet.core.realtime import Subscription
from support import sample_system
from support.app import running_septet
from support.calls import person
from support.sample_system import NOTES, NewNote

SYSTEMS = [FLOOR, NOTES]


@asynccontextmanager
async def septet_on(url: str, folder: Path) -> AsyncIterator[tuple[Septet, Subscription]]:
    """Septet, and somebody who listens to `notes`."""
    async with (
        running_septet(url, folder, systems=SYSTEMS) as septet,
        await septet.runtime.broker.subscribe("notes") as subscription,
    ):
        yield septet, subscription


async def write_and_tell(ctx: Context, title: str) -> None:
    note = await sample_system.create_note(ctx, NewNote(title=title))
    ctx.broadcast("notes", {"title": note.title})


async def heard(subscription: Subscription) -> list[bytes]:
    """All that has been published until now."""
    found = []
    while True:
        try:
            async with asyncio.timeout(0.05):
                found.append(bytes((await anext(subscription)).data))
        except TimeoutError:
            return found


def context(septet: Septet) -> Context:
    return Context(septet.runtime, person(1))


async def test_it_is_heard_after_the_commit(database_url: str, tmp_path: Path) -> None:
    async with septet_on(database_url, tmp_path) as (septet, subscription):
        await context(septet).write(write_and_tell, "one")
        assert await heard(subscription) == [b'{"title":"one"}']


async def test_it_is_not_heard_if_nothing_was_committed(database_url: str, tmp_path: Path) -> None:
    async with septet_on(database_url, tmp_path) as (septet, subscription):

        async def fail(ctx: Context) -> None:
            await write_and_tell(ctx, "one")
            raise Unavailable("after all")

        with pytest.raises(Unavailable):
            await context(septet).write(fail)
        assert await heard(subscription) == []


async def test_it_is_heard_once_however_often_the_transaction_ran(database_url: str, tmp_path: Path) -> None:
    async with septet_on(database_url, tmp_path) as (septet, subscription):
        write = septet.runtime.database.write

        async def twice(work: Any, **how: Any) -> Any:
            """As an engine does whose first attempt met a conflict at its end."""
            with pytest.raises(ZeroDivisionError):
                await write(lambda tx: _then_fail(work(tx)), **how)
            return await write(work, **how)

        septet.runtime.database.write = twice  # type: ignore[method-assign]
        await context(septet).write(write_and_tell, "one")
        assert await heard(subscription) == [b'{"title":"one"}']


async def _then_fail(work: Any) -> None:
    await work
    raise ZeroDivisionError


async def test_on_sqlite_it_is_heard_in_the_order_of_commits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/septet.db"
    async with septet_on(url, tmp_path) as (septet, subscription):
        order: list[str] = []

        async def in_turn(ctx: Context, title: str) -> None:
            order.append(title)  # the lane runs one after another, and commits them in this order
            await write_and_tell(ctx, title)

        await asyncio.gather(*(context(septet).write(in_turn, f"{number}") for number in range(200)))
        assert await heard(subscription) == [b'{"title":"%s"}' % title.encode() for title in order]


async def test_what_changes_later_does_not_show(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/septet.db"
    async with septet_on(url, tmp_path) as (septet, subscription):

        async def tell(ctx: Context) -> None:
            value = {"count": 1}
            ctx.broadcast("notes", value)
            value["count"] = 2

        await context(septet).write(tell)
        assert await heard(subscription) == [b'{"count":1}']


async def test_outside_a_transaction_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/septet.db"
    async with running_septet(url, tmp_path, systems=SYSTEMS) as septet:
        with pytest.raises(RuntimeError, match="no transaction"):
            context(septet).broadcast("notes", 1)
