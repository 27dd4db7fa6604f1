"""The floor's own card: its tables, tasks and scopes, declared as any system's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from septet.core import (
    idempotency,
    limit_queries,
    outbox_queries,
    queries,
    record_queries,
    records,
    sharing,
    tables,
)
from septet.core.context import Context
from septet.core.system import Scope, System
from septet.core.types import AccountId


async def export_person(ctx: Context, account_id: AccountId) -> dict[str, Any]:
    """All that the floor holds about an account."""
    return {**await idempotency.export_person(ctx, account_id), **await records.export_person(ctx, account_id)}


async def erase_person(ctx: Context, account_id: AccountId) -> None:
    """Forget it."""
    await idempotency.erase_person(ctx, account_id)
    await records.erase_person(ctx, account_id)


FLOOR = System(
    name="core",
    summary="Outbox, schedules, idempotency, records and shared limits.",
    modules=(idempotency, records, sharing),
    queries=(queries, outbox_queries, record_queries, limit_queries),
    tables=tables.metadata,
    scopes={
        "server:read": Scope("See how the server is doing: its metrics, and what it did lately.", members=False),
        "agent:write": Scope("Let an agent change things, within the other scopes.", members=False),
    },
    migrations=Path(__file__).parent / "migrations",
    export_person=export_person,
    erase_person=erase_person,
)
