"""Whether a new system may have its name and its noun: both become names in Python, SQL, URLs and settings."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Iterator

from msgspec import Struct

from septet.core.types import Input, Output
from septet.scaffold.words import words_for
from septet.settings import Settings
from septet.systems import available, load_cards

_NAME = re.compile(r"[a-z][a-z0-9]{1,29}\Z")
_NOUN = re.compile(r"[a-z]{2,30}\Z")
SEVEN = ("identity", "social", "files", "commerce", "chat", "jobboard", "analytics")
_OF_SEPTET = {*SEVEN, "core", "septet", "console", "people", "tests", "server", "static", "docs", "guide", "errors"}
_OF_SEPTET |= {"health", "metrics", "graphql", "mcp", "oauth2", "realtime", "openapi", "asyncapi", "v1"}
# What the files of a new system call otherwise: its modules, what they import, and the fields of what it keeps.
_NOUNS_IN_USE = {
    *("event", "history", "person", "problem", "public", "query", "setting", "system", "table", "task", "type"),
    *("account", "context", "conflict", "cursor", "entry", "input", "instant", "limit", "output", "page", "relation"),
    *("at", "body", "caller", "id", "number", "owner", "scope", "shared", "text", "title"),
}


def why_not_name(name: str) -> str | None:
    """The reason a new system may not be called `name`, or None."""
    if not _NAME.match(name):
        return f"{name!r} is no name for a system: 2 to 30 small letters and digits, the first a letter"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return f"{name} is a word of Python"
    if name in _OF_SEPTET:
        return f"{name} is a name of Septet's own"
    if name in {field.partition("_")[0] for field in Settings.__struct_fields__}:
        return f"settings of {name} would look like Septet's own: SEPTET_{name.upper()}_…"
    if name in available():
        return f"a system called {name} is installed already"
    if name in sys.stdlib_module_names:
        return f"{name} is a module of Python itself"
    if importlib.util.find_spec(name) is not None:
        return f"a package called {name} is installed already, and one would hide the other"
    return None


def why_not_noun(name: str, noun: str) -> str | None:
    """The reason the system `name` may not be about `noun`, or None."""
    if not _NOUN.match(noun):
        return f"{noun!r} is no noun for a system: one word in the singular, of 2 to 30 small letters"
    if keyword.iskeyword(noun) or keyword.issoftkeyword(noun) or noun in _NOUNS_IN_USE or noun == name:
        return f"{noun} has a meaning in a system's files already: take another noun"
    return next(_clashes(words_for(name, noun)), None)


def _clashes(words: dict[str, str]) -> Iterator[str]:
    """Operations and types on the wire have one name each, whichever system they belong to."""
    from septet.core.floor import FLOOR
    from septet.core.registry import Registry

    noun, nouns, kind = words["noun"], words["nouns"], words["Noun"]
    registry = Registry([FLOOR, *load_cards(())])
    for operation in (f"create_{noun}", f"read_{noun}", f"change_{noun}", f"delete_{noun}", f"list_{nouns}"):
        if operation in registry.operations:
            owner = registry.operations[operation].system
            yield f"the system {owner} has an operation {operation} already: take another noun"
    taken = _types_on_the_wire()
    for made in (kind, f"New{kind}", f"{kind}Changes", f"{kind}Entry", f"{kind}Happening", f"{kind}Page"):
        if made in taken:
            yield f"a type on the wire is called {made} already: take another noun"


def _types_on_the_wire() -> set[str]:
    def below(base: type[Struct]) -> Iterator[type[Struct]]:
        for kind in base.__subclasses__():
            yield kind
            yield from below(kind)

    return {kind.__name__ for kind in (*below(Input), *below(Output))}
