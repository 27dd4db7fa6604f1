"""Pages neither repeat nor miss an item, whoever writes meanwhile, and a cursor is its viewer's own."""

from __future__ import annotations

import functools
import random
from pathlib import Path

import pytest

from septet.core.errors import Invalid
from septet.core.floor import FLOOR
from septet.core.paging import page
from support.app import running_septet
from support.calls import Caller, person
from support.sample_system import NOTES, Note, notes_of

SYSTEMS = [FLOOR, NOTES]


async def all_pages(ann: Caller, limit: int) -> tuple[list[str], str | None]:
    """Every title from first to last, and the last page's `previous`."""
    titles, cursor = [], None
    while True:
        found = await ann("list_notes", limit=limit, cursor=cursor)
        titles += [note.title for note in found.items]
        assert len(found.items) <= limit
        if found.next is None:
            return titles, found.previous
        cursor = found.next


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_give_the_whole_list_in_order(database_url: str, tmp_path: Path, limit: int) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann, ben = Caller(septet, person(1)), Caller(septet, person(2))
        for number in range(7):
            await ann("create_note", body={"title": f"{number}"})
        await ben("create_note", body={"title": "not Ann's"})
        titles, _ = await all_pages(ann, limit)
        assert titles == ["6", "5", "4", "3", "2", "1", "0"]


async def test_pages_lead_back_the_way_they_came(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        for number in range(7):
            await ann("create_note", body={"title": f"{number}"})
        _, previous = await all_pages(ann, 3)
        pages = []
        while previous is not None:
            found = await ann("list_notes", limit=3, cursor=previous)
            pages.append([note.title for note in found.items])
            assert found.next is not None
            previous = found.previous
        assert pages == [["3", "2", "1"], ["6", "5", "4"]]


async def test_the_only_page_has_no_cursors(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        empty = await ann("list_notes")
        assert (empty.items, empty.next, empty.previous) == ([], None, None)
        await ann("create_note", body={"title": "one"})
        one = await ann("list_notes", limit=1)
        assert (len(one.items), one.next, one.previous) == (1, None, None)


async def test_no_item_is_twice_or_missed_while_others_come_and_go(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        made = [(await ann("create_note", body={"title": f"{number}"})) for number in range(60)]
        doomed = {note.id for note in chance.sample(made, 15)}
        left_to_delete = list(doomed)
        seen, cursor = [], None
        while True:
            found = await ann("list_notes", limit=4, cursor=cursor)
            seen += [note.id for note in found.items]
            await ann("create_note", body={"title": f"new {len(seen)}"})
            if left_to_delete:
                await ann("remove_note", id=str(left_to_delete.pop()))
            if (cursor := found.next) is None:
                break
        assert len(seen) == len(set(seen))
        assert {note.id for note in made} - doomed <= set(seen)


def has_no_stars(note: Note) -> bool:
    return note.stars == 0


async def test_filtered_pages_are_filled_up(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        for number in range(40):
            await ann("create_note", body={"title": f"{number}", "stars": number % 10})
        ctx = septet.runtime.context()
        rare, cursor = [], None
        while not rare or cursor:
            one_page = functools.partial(page, ctx, notes_of, 3, cursor, keep=has_no_stars, owner=ann.actor.id)
            found = await septet.runtime.read(ctx, one_page)
            rare.append([note.title for note in found.items])
            cursor = found.next
        assert rare == [["30", "20", "10"], ["0"]]


@pytest.mark.parametrize("change", ["other viewer", "cut", "flipped", "other alphabet", "empty place"])
async def test_a_cursor_that_is_not_ones_own_is_refused(database_url: str, tmp_path: Path, change: str) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann, ben = Caller(septet, person(1)), Caller(septet, person(2))
        for title in "ab":
            await ann("create_note", body={"title": title})
        cursor: str = (await ann("list_notes", limit=1)).next
        forged = {
            "other viewer": cursor,
            "cut": cursor[:-2],
            "flipped": cursor[:-3] + ("A" if cursor[-3] != "A" else "B") + cursor[-2:],
            "other alphabet": "ø" + cursor[1:],
            "empty place": cursor[:16],
        }[change]
        caller = ben if change == "other viewer" else ann
        with pytest.raises(Invalid) as refused:
            await caller("list_notes", limit=1, cursor=forged)
        assert [fault.pointer for fault in refused.value.faults] == ["/cursor"]
