"""The names of GraphQL: camelCase for what Python writes with underscores, and one name a type."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

T = typing.TypeVar("T")

_TAKEN = ("Query", "Mutation", "Subscription", "PageInfo", "Int", "Float", "String", "Boolean", "ID", "JSON")


def camel(name: str) -> str:
    """`read_note` reads `readNote`."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def by_camel_name(what: str, named: Mapping[str, T]) -> dict[str, T]:
    """The same under names in camelCase. Raises TypeError where two become one."""
    found: dict[str, T] = {}
    for name, each in named.items():
        if found.setdefault(camel(name), each) is not each:
            raise TypeError(f"{what}: two names read {camel(name)} in GraphQL")
    return found


def name_of(kind: Any) -> str:
    """The name of a type; `Box[Note]` reads `NoteBox`."""
    origin = typing.get_origin(kind)
    if origin is None:
        return str(getattr(kind, "__name__", kind))
    return "".join(name_of(argument) for argument in typing.get_args(kind)) + name_of(origin)


class TypeNames:
    """Gives every type its name, once. Where two systems use the same, the later one's is preceded by the system."""

    def __init__(self) -> None:
        self.system = ""  # whose declaration is being read
        self._taken: dict[str, Any] = dict.fromkeys(_TAKEN)

    def claim(self, name: str, owner: Any) -> str:
        """The name for `owner`. Raises TypeError if none is free."""
        for candidate in (name, self.system.title().replace("_", "") + name):
            if self._taken.setdefault(candidate, owner) is owner:
                return candidate
        raise TypeError(f"two types are called {name}: rename one of them")
