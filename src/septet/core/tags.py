"""Tags of cached values, written as templates and filled for each call: `note:{id}`, `notes:{actor}`, `{reply.id}`.

The first word names an argument, the caller (`actor`) or, for what a write invalidates, its reply; the words after it
are fields. All of this is checked at start.
"""

from __future__ import annotations

import string
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from septet.core.arguments import Argument
from septet.core.context import Context

Filled = tuple[str, ...]
Filler = Callable[[Context, Struct, Any], str]


class Tags:
    """Templates of one operation, ready to be filled. Raises TypeError for a name that is not there."""

    def __init__(self, name: str, templates: Sequence[str], arguments: Sequence[Argument], reply: Any = None) -> None:
        kinds = {argument.name: argument.type for argument in arguments}
        made = [(template, _compile(name, template, kinds, reply)) for template in templates]
        self._all = [filler for _, filler in made]
        self._without_reply = [filler for template, filler in made if not _needs_reply(template)]

    def fill(self, ctx: Context, arguments: Struct, reply: Any = None) -> Filled:
        return tuple(filler(ctx, arguments, reply) for filler in self._all)

    def fill_without_reply(self, ctx: Context, arguments: Struct) -> Filled:
        """Those that can be told of a call that gave no reply."""
        return tuple(filler(ctx, arguments, None) for filler in self._without_reply)


def _compile(name: str, template: str, arguments: dict[str, Any], reply: Any) -> Filler:
    """One template as a function of the call."""
    texts: list[str] = []
    getters: list[Callable[[Context, Struct, Any], Any]] = []
    for text, place, wanted, converted in string.Formatter().parse(template):
        texts.append(text)
        if place is None:
            continue
        if wanted or converted:
            raise TypeError(f"{name}: the tag {template} holds a format; write {{{place}}}")
        getters.append(_getter(name, template, place, arguments, reply))
    texts += [""] * (len(getters) + 1 - len(texts))

    def fill(ctx: Context, values: Struct, value: Any) -> str:
        parts = [texts[0]]
        for getter, text in zip(getters, texts[1:], strict=True):
            parts += (str(getter(ctx, values, value)), text)
        return "".join(parts)

    return fill


def _getter(
    name: str, template: str, place: str, arguments: dict[str, Any], reply: Any
) -> Callable[[Context, Struct, Any], Any]:
    first, _, rest = place.partition(".")
    if place == "actor":
        return lambda ctx, _, __: ctx.actor.key
    if first in arguments:
        _check_fields(name, template, arguments[first], rest)
        get = attrgetter(place)
        return lambda _, values, __: get(values)
    if first == "reply" and rest and reply is not None:
        _check_fields(name, template, reply, rest)
        get_from_reply = attrgetter(rest)
        return lambda _, __, value: get_from_reply(value)
    raise TypeError(f"{name}: the tag {template} names {place}, which is neither an argument, actor nor of the reply")


def _check_fields(name: str, template: str, kind: Any, path: str) -> None:
    """Raise TypeError unless each type that `kind` can be has the fields of `path`."""
    first, _, rest = path.partition(".")
    if not first:
        return
    for member in _members(kind):
        origin = typing.get_origin(member) or member
        fields = msgspec.structs.fields(origin) if isinstance(origin, type) and issubclass(origin, Struct) else ()
        found = next((field.type for field in fields if field.name == first), None)
        if found is None:
            raise TypeError(f"{name}: the tag {template} names {first}, which {origin} does not have")
        _check_fields(name, template, found, rest)


def _members(kind: Any) -> Iterable[Any]:
    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _needs_reply(template: str) -> bool:
    places = [place for _, place, _, _ in string.Formatter().parse(template) if place is not None]
    return any(place.startswith("reply.") for place in places)
