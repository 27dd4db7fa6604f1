"""The card of the notes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.notes_system import notes, queries, tables
from septet.core.system import Scope, System

NOTES = System(
    name="notes",
    summary="Notes, for the benchmarks.",
    modules=(notes,),
    queries=queries,
    tables=tables.metadata,
    migrations=Path(__file__).parent / "migrations",
    needs=("identity",),
    scopes={"notes:read": Scope("Read notes."), "notes:write": Scope("Write notes.")},
)
