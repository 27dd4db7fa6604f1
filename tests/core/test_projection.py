"""The projector: level by level, with each missing place told once."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from septet.core.context import Context
from septet.core.errors import Conflict, Forbidden, Invalid
from septet.core.floor import FLOOR
from septet.core.projection import Choice, Constant, Failure, Leaf, Nested, Projector, Related, Selection
from septet.core.registry import Registry
from support.app import running_septet
from support.calls import person
from support.databases import new_sqlite_database
from support.shelf_system import AUTHORS, BOOKS, SHELF, Author, Book, Disc, Paper, calls

registry = Registry([FLOOR, SHELF])


def related(owner: type, name: str, wanted: Selection | None = None) -> Related:
    found = registry.relations_of(owner)[name]
    return Related(name, found, lambda _: found.arguments_type(), wanted)


def told(failures: list[Failure]) -> list[tuple[object, ...]]:
    return [(*failure.path, type(failure.problem)) for failure in failures]


async def test_a_relation_that_fails_is_null_wherever_it_was_wanted(tmp_path: Path) -> None:
    async with running_septet(new_sqlite_database(tmp_path), tmp_path, systems=[FLOOR, SHELF], doors=False) as septet:
        calls.clear()
        failures: list[Failure] = []
        ctx = Context(septet.runtime, person(1, frozenset({"shelf:read"})))
        books = Selection([Leaf("title", "title"), related(Book, "broken"), related(Book, "secrets")])
        authors = Selection([Leaf("name", "name"), related(Author, "books", books)])
        wanted = Selection([Leaf("id", "id"), related(Book, "author", authors)])
        shown = await Projector(ctx, failures).project_list(wanted, BOOKS, ("items",))
        assert [each["author"] and each["author"]["name"] for each in shown] == ["Ann", "Ben", "Ann", None]
        assert shown[0]["author"]["books"][1] == {"title": "Third", "broken": None, "secrets": None}
        ann = [("items", index, "author", "books", place) for index in (0, 2) for place in (0, 1)]
        places = [*ann, ("items", 1, "author", "books", 0)]
        expected = {(*place, name, problem) for place in places for name, problem in MISSING}
        assert set(told(failures)) == expected
        assert len(failures) == len(expected)
        assert calls == {"author": 1, "books": 1}


MISSING = (("broken", Conflict), ("secrets", Forbidden))


async def test_objects_of_several_types_and_lists_with_gaps(tmp_path: Path) -> None:
    async with running_septet(new_sqlite_database(tmp_path), tmp_path, systems=[FLOOR, SHELF], doors=False) as septet:
        ctx = Context(septet.runtime)
        thing = Choice(
            {
                Paper: Selection([Constant("__typename", "Paper"), Leaf("id", "id")]),
                Disc: Selection([Leaf("minutes", "minutes"), Leaf("twice", lambda disc: disc.minutes * 2)]),
            }
        )
        wanted = Selection([Nested("things", attrgetter("things"), thing, many=True), Leaf("lent", "lent_to", True)])

        class Shelf:
            things = (Disc("d", 7), None, Paper("p"))
            lent_to = None

        shown = await Projector(ctx).project(wanted, Shelf())
        assert shown == {
            "things": [{"minutes": 7, "twice": 14}, None, {"__typename": "Paper", "id": "p"}],
            "lent": None,
        }


async def test_more_objects_than_one_reply_may_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("septet.core.projection.MOST_OBJECTS", 3)
    async with running_septet(new_sqlite_database(tmp_path), tmp_path, systems=[FLOOR, SHELF], doors=False) as septet:
        ctx = Context(septet.runtime, person(1, frozenset({"shelf:read"})))
        names = Selection([Leaf("name", "name")])
        assert len(await Projector(ctx).project_list(names, list(AUTHORS.values()))) == 2
        with pytest.raises(Invalid, match="more than 3 objects"):
            await Projector(ctx).project_list(Selection([related(Book, "author", names)]), BOOKS)
