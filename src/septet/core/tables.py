"""The floor's own tables: what is to be done later, when schedules fire, and replies kept for retries."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, Table

from septet.core.columns import Id, Instant, Json, Text

metadata = MetaData()

tasks = Table(
    "core_task",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", Json, nullable=False),
    Column("ordered_by", Text),  # tasks with the same value run one after another
    Column("state", Text, nullable=False),
    Column("run_at", Instant, nullable=False),  # due then; of a leased one, when its lease ends
    Column("lease", Id),  # who holds it
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("state in ('waiting', 'dead')", name="core_task_state"),
    Index("core_task_due", "state", "run_at", "id"),
    Index("core_task_ordered", "ordered_by", "id"),
)

schedules = Table(
    "core_schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", Instant, nullable=False),
)

idempotency = Table(
    "core_idempotency",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),  # of the arguments
    Column("reply", LargeBinary),  # null while a `steps` operation runs
    Column("created_at", Instant, nullable=False),
    Index("core_idempotency_age", "created_at"),
)
