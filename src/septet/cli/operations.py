"""The operations that the command line may name: all of the systems that the settings choose."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from septet.cli.common import fail

if TYPE_CHECKING:
    from septet.core.operation import Operation
    from septet.core.registry import Registry


def operation_named(registry: Registry, word: str) -> Operation:
    """The operation of that name, with underscores or hyphens. Leaves with a suggestion if there is none."""
    name = name_of(word)
    if name not in registry.operations:
        near = difflib.get_close_matches(name, registry.operations, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`septet call` lists them"
        fail(f"there is no operation {word}; {hint}")
    return registry.operations[name]


def name_of(word: str) -> str:
    return word.replace("-", "_")


def listing(registry: Registry) -> str:
    """All operations by system, each with its scope and what it does in a line."""
    rows = [(one.name, scope_in_words(one), first_line(one.doc)) for one in registry.operations.values()]
    wide, wider = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = []
    for system in registry.systems:
        own = [row for row, one in zip(rows, registry.operations.values(), strict=True) if one.system == system.name]
        if own:
            lines += ["", f"{system.name}: {first_line(system.summary)}"]
            lines += [f"  {name:{wide}}  {scope:{wider}}  {summary}".rstrip() for name, scope, summary in own]
    return "\n".join(lines[1:])


def scope_in_words(operation: Operation) -> str:
    return operation.declared.scope or "anybody"


def first_line(text: str) -> str:
    return text.partition("\n")[0]
