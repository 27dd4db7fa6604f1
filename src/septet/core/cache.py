"""Values of reads that are kept for a while: what a declaration says of them, and what keeps them.

    @operation.get("/v1/notes/notes/{id}", scope="notes:read", cache=cached_for(30, tags=("note:{id}",)))
    async def read_note(ctx: Context, id: UUID) -> Note: ...

    @operation.patch("/v1/notes/notes/{id}", scope="notes:write", invalidates=("note:{id}",))
    async def change_note(ctx: Context, id: UUID, body: NotePatch) -> Note: ...

A kept value carries a stamp of its tags, taken before the read began. To invalidate a tag is to give it a new stamp,
so a read that began before a change cannot leave behind what it saw, however late it ends.
`core/caching.py` reads through a cache; `core/tags.py` fills the templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

LONGEST = 3600.0  # seconds that a value may be kept: tags are remembered for longer than that


class CachedFor(Struct, frozen=True):
    """How long, for whom, and under which tags a read's value is kept."""

    seconds: float
    shared: bool
    tags: tuple[str, ...]


def cached_for(seconds: float, *, shared: bool = False, tags: tuple[str, ...] = ()) -> CachedFor:
    """Keep a read's value for `seconds`, or until one of its `tags` is invalidated.

    Each caller has values of their own. With `shared` all see the same: only for what says the same to everybody who
    holds the scope, because a value that is there is given without running the operation, and its own policies.
    """
    if not 0 < seconds <= LONGEST:
        raise TypeError(f"a value is kept for more than 0 and at most {LONGEST:g} seconds")
    return CachedFor(float(seconds), shared, tags)


class Looked(Struct, frozen=True):
    """What a look found. `stamp` is that of the tags at this moment; None says that the cache cannot be trusted now."""

    value: bytes | None
    stamp: bytes | int | None


class Cache(Protocol):
    """An engine that keeps values. It never fails a call: one that cannot be reached finds nothing."""

    async def look(self, key: bytes, tags: Sequence[str]) -> Looked:
        """The value kept under `key` with the present stamp of `tags`, if any."""
        ...

    async def keep(self, key: bytes, stamp: bytes | int, value: bytes, *, seconds: float, cost: float) -> None:
        """Keep `value`, which took `cost` seconds to make, for `seconds`; `stamp` is what `look` gave before."""
        ...

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Let no value with one of `tags` be found again that was read before now."""
        ...
