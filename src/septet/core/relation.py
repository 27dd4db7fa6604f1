"""Relations: how to get from one type to another, for many at once.

    @relation(Post, "author", by="author_id", scope="social:read")
    async def authors(ctx: Context, ids: Sequence[AccountId]) -> Mapping[AccountId, Profile]: ...

GraphQL nests by a relation and REST's `?expand=` follows it, one call for everything that a page holds: a query for
each item cannot be written. The decorator only marks the function; a card lists its module, and `collect_relations`
gathers the marks.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from septet.core.arguments import Argument, caller_of, read_arguments, struct_of
from septet.core.context import Context
from septet.core.types import Output

P = ParamSpec("P")
K = TypeVar("K")
V = TypeVar("V")
Function = Callable[Concatenate[Context, Sequence[K], P], Awaitable[Mapping[K, V]]]


class Mark(Struct, frozen=True):
    """What a declaration says; see `relation`."""

    owner: type[Output]
    name: str
    by: str
    scope: str | None


class Relation(Struct, frozen=True):
    """A relation as doors see it. `returns` is what one owner gets: a Struct, a list of them, a Page, a plain value.

    `call(ctx, keys, arguments)` gives the values by key. A key that is left out has none: null, or an empty list.
    """

    name: str
    system: str
    owner: type[Output]
    by: str
    scope: str | None
    function: Callable[..., Awaitable[Any]]
    arguments: tuple[Argument, ...]
    arguments_type: type[Struct]
    returns: Any
    call: Callable[[Context, Sequence[Any], Any], Awaitable[Mapping[Any, Any]]]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def many(self) -> bool:
        """Whether each owner has a list of them, empty where it has none."""
        return typing.get_origin(self.returns) is list

    @property
    def needs_arguments(self) -> bool:
        return any(argument.required for argument in self.arguments)


def relation(
    owner: type[Output], name: str, *, by: str = "id", scope: str | None = None, public: bool = False
) -> Callable[[Function[K, P, V]], Function[K, P, V]]:
    """Declare a relation: every `owner` gets `name`, found by the owner's attribute `by`.

    The function takes the context, the keys of all owners at once, and arguments of its own; it gives values by key,
    only those that the caller may see. `scope` is what the caller's token must hold; with `public=True`, nothing.
    """
    if (scope is None) != public:
        raise TypeError(f"the relation {owner.__name__}.{name}: name a scope, or say public=True")

    def keep(function: Function[K, P, V]) -> Function[K, P, V]:
        setattr(function, "__relation__", Mark(owner, name, by, scope))
        return function

    return keep


def collect_relations(system: str, modules: Iterable[types.ModuleType]) -> list[Relation]:
    """The relations that `modules` declare themselves."""
    return [
        _compile(system, function, mark)
        for module in modules
        for function in vars(module).values()
        if getattr(function, "__module__", None) == module.__name__
        and (mark := getattr(function, "__relation__", None))
    ]


def _compile(system: str, function: Callable[..., Awaitable[Any]], mark: Mark) -> Relation:
    title = f"the relation {mark.owner.__name__}.{mark.name}"
    attributes = {field.name: field for field in msgspec.structs.fields(mark.owner)}
    if mark.name in {field.encode_name for field in attributes.values()} | set(attributes):
        raise TypeError(f"{title}: {mark.owner.__name__} has a field of that name")
    if mark.by not in attributes:
        raise TypeError(f"{title}: {mark.owner.__name__} has no attribute {mark.by}")
    hints = typing.get_type_hints(function, include_extras=True)
    arguments = read_arguments(function, hints, after=2)
    returned = typing.get_args(hints["return"])
    if typing.get_origin(hints["return"]) is not Mapping or len(returned) != 2:
        raise TypeError(f"{title}: it gives a Mapping of values by key")
    return Relation(
        name=mark.name,
        system=system,
        owner=mark.owner,
        by=mark.by,
        scope=mark.scope,
        function=function,
        arguments=arguments,
        arguments_type=struct_of(f"{mark.owner.__name__}_{mark.name}", arguments),
        returns=returned[1],
        call=caller_of(function, arguments, ("ctx", "keys")),
    )
