"""The first tables: tasks, when schedules fire, and replies kept for retries."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Identity, Integer, LargeBinary, text

from septet.core.columns import Id, Instant, Json, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "core_task",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True),
        Column("name", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("payload", Json, nullable=False),
        Column("ordered_by", Text),
        Column("run_at", Instant, nullable=False),
        Column("claim_at", Instant, nullable=False),
        Column("lease", Id),
        Column("attempts", Integer, nullable=False),
        Column("last_error", Text),
        Column("died_at", Instant),
        Column("created_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("core_task_due", "core_task", ["claim_at", "id"])
    _index_where("ordered_by is not null and died_at is null", "core_task_ordered", ["ordered_by", "id"])
    _index_where("ordered_by is not null and lease is not null", "core_task_turn", ["ordered_by"], unique=True)
    op.create_table(
        "core_schedule",
        Column("name", Text, primary_key=True),
        Column("next_at", Instant, nullable=False),
    )
    op.create_table(
        "core_idempotency",
        Column("actor", Text, primary_key=True),
        Column("operation", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("reply", LargeBinary),
        Column("created_at", Instant, nullable=False),
    )
    op.create_index("core_idempotency_age", "core_idempotency", ["created_at"])


def downgrade() -> None:
    op.drop_table("core_idempotency")
    op.drop_table("core_schedule")
    op.drop_table("core_task")


def _index_where(condition: str, name: str, columns: list[str], *, unique: bool = False) -> None:
    where = text(condition)
    op.create_index(name, "core_task", columns, unique=unique, postgresql_where=where, sqlite_where=where)
