"""What a declared function takes: read from its signature, and gathered into one Struct.

Operations and relations are functions of a context and of arguments; doors see the arguments as data.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import NODEFAULT, Struct

Where = Literal["path", "query", "header", "body"]


class Header(Struct, frozen=True):
    """`Annotated[str | None, Header("If-Match")]`: on REST, the argument is this header."""

    name: str


IfMatch = Annotated[str | None, Header("If-Match")]


class Argument(Struct, frozen=True):
    """One argument: where REST finds it, and under which key."""

    name: str
    type: Any
    where: Where
    default: Any
    key: str

    @property
    def required(self) -> bool:
        return self.default is NODEFAULT


def read_arguments(
    function: Callable[..., Any], hints: dict[str, Any], *, after: int, in_path: Iterable[str] = ()
) -> tuple[Argument, ...]:
    """The arguments of `function` behind its first `after` ones. Raises TypeError if the path names one it lacks."""
    found = []
    expected = set(in_path)
    for name, parameter in list(inspect.signature(function).parameters.items())[after:]:
        kind, header = _without_header(hints[name])
        where: Where = "header" if header else "path" if name in expected else "body" if name == "body" else "query"
        default = NODEFAULT if parameter.default is parameter.empty else parameter.default
        found.append(Argument(name, kind, where, default, header or name))
    if missing := expected - {argument.name for argument in found}:
        raise TypeError(f"{function.__name__}: the path names {sorted(missing)}, which are not arguments")
    return tuple(found)


def struct_of(name: str, arguments: Iterable[Argument]) -> type[Struct]:
    """One Struct that holds all of `arguments`."""
    fields = [(a.name, a.type) if a.required else (a.name, a.type, a.default) for a in arguments]
    return msgspec.defstruct(f"{name}_arguments", fields, forbid_unknown_fields=True, kw_only=True)


def caller_of(
    function: Callable[..., Awaitable[Any]], arguments: Iterable[Argument], first: tuple[str, ...]
) -> Callable[..., Awaitable[Any]]:
    """`function`, taking those of `first` as they are and the rest as one Struct. Compiled: it runs on every call."""
    names = ", ".join(first)
    passed = "".join(f", {a.name}=arguments.{a.name}" for a in arguments)
    made: Callable[..., Awaitable[Any]] = eval(
        f"lambda {names}, arguments: function({names}{passed})", {"function": function}
    )
    return made


def _without_header(hint: Any) -> tuple[Any, str | None]:
    metadata = getattr(hint, "__metadata__", ())
    header = next((m.name for m in metadata if isinstance(m, Header)), None)
    if header is None:
        return hint, None
    rest = tuple(m for m in metadata if not isinstance(m, Header))
    return (Annotated[(hint.__origin__, *rest)] if rest else hint.__origin__), header
