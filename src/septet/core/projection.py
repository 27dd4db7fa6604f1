"""What a caller wants to see of values, and the making of it: level by level, never value by value.

A `Selection` says what is wanted of objects of one type. A `Projector` makes it for all objects of a level at once:
their plain fields by one compiled function, then what lies in them, then each relation by one call for all of them.
So the number of queries depends on what is asked, and not on how much is found. GraphQL and REST's `?expand=` are
both served from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct

from septet.core.context import Context
from septet.core.errors import Invalid, Problem, Unavailable
from septet.core.relation import Relation

MOST_OBJECTS = 20_000  # in one reply: lists within lists multiply
Path = tuple[str | int, ...]
Times = Sequence[int] | None  # how often each object of a level is shown: None says once
Places = Callable[[int], Iterable[Path]]  # where in the reply the object at an index stands; asked only for failures


class Leaf(Struct, frozen=True):
    """A value that is shown as it is: an attribute, or what a function gives. `get` may meet UNSET: see `unset`."""

    key: str
    get: str | Callable[[Any], Any]
    may_be_unset: bool = False


class Constant(Struct, frozen=True):
    """The same for every object of the type: its name, its tag."""

    key: str
    value: Any


class Nested(Struct, frozen=True):
    """An object, or a list of them, that lies in its owner."""

    key: str
    get: Callable[[Any], Any]
    wanted: Wanted
    many: bool = False


class Related(Struct, frozen=True):
    """What a relation leads to. `bind` gives its arguments from the projector's variables; it may raise Invalid.

    `wanted` is None where the relation gives plain values; `show` makes of each what is shown, if it differs.
    """

    key: str
    relation: Relation
    bind: Callable[[Any], Struct]
    wanted: Wanted | None = None
    show: Callable[[Any], Any] | None = None


Entry = Leaf | Constant | Nested | Related


class Selection:
    """What is wanted of objects of one type, in the order in which it is shown.

    omit_unset: leave out a key whose value is UNSET; otherwise it is null.
    """

    __slots__ = ("make_all", "nested", "related", "unset")

    def __init__(self, entries: Sequence[Entry], *, omit_unset: bool = False) -> None:
        self.nested = [entry for entry in entries if isinstance(entry, Nested)]
        self.related = [entry for entry in entries if isinstance(entry, Related)]
        unset = [entry.key for entry in entries if isinstance(entry, Leaf) and entry.may_be_unset]
        self.unset = unset if omit_unset else []
        self.make_all = _compile(entries, null_for_unset=not omit_unset)


class Choice:
    """What is wanted of objects of several types, by the type of each."""

    __slots__ = ("by_type",)

    def __init__(self, by_type: Mapping[type, Selection]) -> None:
        self.by_type = by_type


Wanted = Selection | Choice


class Failure(Struct, frozen=True):
    """A place of the reply that is null because of a problem."""

    path: Path
    problem: Problem


class Projector:
    """Makes what is wanted, inside the reading transaction that is open.

    With a list for `failures`, a relation that is refused becomes null and is told there, once for each place where
    it is missing. Without one its problem is raised.
    """

    def __init__(self, ctx: Context, failures: list[Failure] | None = None, variables: Any = None) -> None:
        self._ctx = ctx
        self._left = MOST_OBJECTS
        self._failures = failures
        self._variables = variables

    async def project(self, wanted: Wanted, value: Any, path: Path = ()) -> Any:
        """What is wanted of one value, which stands at `path` of the reply."""
        return None if value is None else (await self.project_all(wanted, [value], lambda _: [path]))[0]

    async def project_list(self, wanted: Wanted, values: Sequence[Any], path: Path = ()) -> list[Any]:
        """What is wanted of each of a list's values."""
        return await self.project_all(wanted, values, lambda index: [(*path, index)])

    async def project_all(
        self, wanted: Wanted, objects: Sequence[Any], places: Places, times: Times = None
    ) -> list[Any]:
        """What is wanted of a whole level. `places` tells where each object stands. Raises Invalid for too many.

        An object is made once, however often it is shown; but the reply grows with every time.
        """
        if isinstance(wanted, Choice):
            return await self._choose(wanted, objects, places, times)
        self._left -= len(objects) if times is None else sum(times)
        if self._left < 0:
            raise Invalid(f"This asks for more than {MOST_OBJECTS} objects at once.")
        made: list[dict[str, Any]] = wanted.make_all(objects)
        for entry in wanted.nested:
            await self._nest(entry, objects, made, places, times)
        for related in wanted.related:
            await self._relate(related, objects, made, places, times)
        for key in wanted.unset:
            for shown in made:
                if shown[key] is UNSET:
                    del shown[key]
        return made

    async def _choose(self, choice: Choice, objects: Sequence[Any], places: Places, times: Times) -> list[Any]:
        made: list[Any] = [None] * len(objects)
        for kind, selection in choice.by_type.items():
            chosen = [index for index, each in enumerate(objects) if type(each) is kind]
            of_kind = [objects[index] for index in chosen]
            if not chosen:
                continue
            shown = await self.project_all(selection, of_kind, _through(places, chosen), _picked(times, chosen))
            for index, each in zip(chosen, shown, strict=True):
                made[index] = each
        return made

    async def _nest(
        self, entry: Nested, objects: Sequence[Any], made: list[dict[str, Any]], places: Places, times: Times
    ) -> None:
        values = [_none_for_unset(entry.get(each)) for each in objects]
        shown = await self._show(entry.wanted, values, entry.many, _below(places, entry.key), times)
        for each, value in zip(made, shown, strict=True):
            each[entry.key] = value

    async def _relate(
        self, entry: Related, objects: Sequence[Any], made: list[dict[str, Any]], places: Places, times: Times
    ) -> None:
        relation = entry.relation
        keys = [getattr(each, relation.by) for each in objects]
        by_key: dict[Any, Any] = dict.fromkeys(keys, [] if relation.many else None)
        by_key.pop(None, None)
        by_key.pop(UNSET, None)
        distinct = list(by_key)
        try:
            found = await self._follow(entry, distinct) if distinct else {}
        except Unavailable:
            raise  # the database is gone, or wants to begin again: no part of the reply can be trusted
        except Problem as problem:
            if self._failures is None:
                raise
            asked = set(distinct)
            failed = [index for index, key in enumerate(keys) if key in asked]
            self._failures += [Failure((*path, entry.key), problem) for index in failed for path in places(index)]
            for each, key in zip(made, keys, strict=True):
                each[entry.key] = [] if relation.many and key not in asked else None
            return
        many = relation.many
        by_key |= found  # between dicts, no key is hashed again
        values = list(by_key.values()) if len(by_key) == len(distinct) else [by_key[key] for key in distinct]
        if entry.wanted is not None:
            shared = _shared(places, entry.key, keys, distinct)
            values = await self._show(entry.wanted, values, many, shared, _together(times, keys, distinct))
        elif entry.show is not None:
            values = [None if value is None else entry.show(value) for value in values]
        if len(distinct) < len(keys):
            shown = dict(zip(distinct, values, strict=True))
            values = [shown.get(key, [] if many else None) for key in keys]
        for each, value in zip(made, values, strict=True):
            each[entry.key] = value

    async def _follow(self, entry: Related, keys: list[Any]) -> Mapping[Any, Any]:
        self._ctx.require_scope(entry.relation.scope)
        return await entry.relation.call(self._ctx, keys, entry.bind(self._variables))

    async def _show(self, wanted: Wanted, values: list[Any], many: bool, places: Places, times: Times) -> list[Any]:
        """What is wanted of each value, which is an object or, with `many`, a list of them; None stays None."""
        if not many:
            present = [index for index, value in enumerate(values) if value is not None]
            objects = values if len(present) == len(values) else [values[index] for index in present]
            if not objects:
                return values
            shown = await self.project_all(wanted, objects, _through(places, present), _picked(times, present))
            return shown if objects is values else _spread(shown, present, len(values))
        flat = [each for value in values if value is not None for each in value]
        if times is not None:
            times = [often for value, often in zip(values, times, strict=True) for _ in value or ()]
        made = iter(await self._show(wanted, flat, False, _in_lists(places, values), times))
        return [None if value is None else [next(made) for _ in value] for value in values]


def _none_for_unset(value: Any) -> Any:
    return None if value is UNSET else value


def _spread(shown: list[Any], indexes: list[int], length: int) -> list[Any]:
    spread: list[Any] = [None] * length
    for index, each in zip(indexes, shown, strict=True):
        spread[index] = each
    return spread


def _picked(times: Times, indexes: Sequence[int]) -> Times:
    return times if times is None or len(indexes) == len(times) else [times[index] for index in indexes]


def _together(times: Times, keys: list[Any], distinct: list[Any]) -> Times:
    """How often the value of each distinct key is shown: as often as all who have that key together."""
    if times is None and len(keys) == len(distinct):
        return None
    found = dict.fromkeys(distinct, 0)
    for index, key in enumerate(keys):
        if key in found:
            found[key] += 1 if times is None else times[index]
    return list(found.values())


def _through(places: Places, indexes: Sequence[int]) -> Places:
    """The places of those objects of a level that stand at `indexes` of it."""
    return lambda index: places(indexes[index])


def _below(places: Places, key: str) -> Places:
    return lambda index: [(*path, key) for path in places(index)]


def _shared(places: Places, key: str, keys: list[Any], distinct: list[Any]) -> Places:
    """The places of a relation's values: one value stands wherever its key does."""
    return lambda index: [
        (*path, key) for owner, wanted in enumerate(keys) if wanted == distinct[index] for path in places(owner)
    ]


def _in_lists(places: Places, lists: list[Any]) -> Places:
    """The places of the items of lists, counted through."""

    def place(index: int) -> list[Path]:
        for owner, items in enumerate(lists):
            if items is not None and index < len(items):
                return [(*path, index) for path in places(owner)]
            index -= len(items or ())
        raise IndexError(index)

    return place


def _compile(entries: Sequence[Entry], *, null_for_unset: bool) -> Callable[[Sequence[Any]], list[dict[str, Any]]]:
    """One function that makes the dicts of a whole level, with None where something is yet to come."""
    known: dict[str, Any] = {"UNSET": UNSET}
    parts = []
    for number, entry in enumerate(entries):
        name = f"given_{number}"
        match entry:
            case Leaf(get=str() as attribute):
                value = f"each.{attribute}"
                if entry.may_be_unset and null_for_unset:
                    value = f"(None if {value} is UNSET else {value})"
            case Leaf(get=get):
                known[name] = get
                value = f"{name}(each)"
            case Constant(value=constant):
                known[name] = constant
                value = name
            case _:
                value = "None"
        parts.append(f"{entry.key!r}: {value}")
    made: Callable[[Sequence[Any]], list[dict[str, Any]]] = eval(
        "lambda objects: [{" + ", ".join(parts) + "} for each in objects]", known
    )
    return made
