"""A writing operation on SQLite that waits for something else than its transaction: closed, and told where it waits."""

from __future__ import annotations

import contextvars
from collections.abc import Coroutine
from typing import Any


def refuse_suspended(working: Coroutine[Any, Any, Any], context: contextvars.Context) -> RuntimeError:
    """End `working`, and say for what it was waiting."""
    at = " → ".join(_waits_in(working))
    try:
        context.run(working.close)
    except RuntimeError:
        at += ", and it refuses to end"
    return RuntimeError(
        f"A writing operation may await nothing but its transaction; this one waits in {at}. "
        "Declare it with steps=True and write in short steps."
    )


def _waits_in(working: Any) -> list[str]:
    """The coroutines from `working` down to the one that waits, with their lines."""
    names = []
    while hasattr(working, "cr_frame"):
        line = working.cr_frame.f_lineno if working.cr_frame is not None else "?"
        names.append(f"{working.__qualname__}, line {line}")
        working = working.cr_await
    return names
