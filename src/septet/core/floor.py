"""The floor's own card: its tables, tasks and scopes, declared as any system's."""

from __future__ import annotations

from pathlib import Path

from septet.core import idempotency, outbox_queries, queries, tables
from septet.core.system import Scope, System

FLOOR = System(
    name="core",
    summary="Outbox, schedules and idempotency.",
    modules=(idempotency,),
    queries=(queries, outbox_queries),
    tables=tables.metadata,
    scopes={"server:read": Scope("See how the server is doing: its metrics.", members=False)},
    migrations=Path(__file__).parent / "migrations",
    export_person=idempotency.export_person,
    erase_person=idempotency.erase_person,
)
