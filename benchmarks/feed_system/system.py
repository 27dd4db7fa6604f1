"""The card of the feed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.feed_system import posts, queries, tables
from septet.core.system import Scope, System

FEED = System(
    name="feed",
    summary="Posts and their authors, for the benchmarks.",
    modules=(posts,),
    queries=queries,
    tables=tables.metadata,
    migrations=Path(__file__).parent / "migrations",
    needs=("identity",),
    scopes={"feed:read": Scope("Read posts."), "feed:write": Scope("Fill the feed.")},
)
