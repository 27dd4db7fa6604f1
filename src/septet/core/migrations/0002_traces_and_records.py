"""Tasks know the trace of the call that stored them; records of calls and tasks."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Integer, text

from septet.core.columns import Id, Instant, Json, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("core_task", Column("traceparent", Text))
    op.create_table(
        "core_record",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True),
        Column("kind", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("door", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("slow", Boolean, nullable=False),
        Column("status", Integer),
        Column("problem", Text),
        Column("ms", Double, nullable=False),
        Column("started_at", Instant, nullable=False),
        Column("trace_id", Text, nullable=False),
        Column("account_id", Id),
        Column("queries", Json, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("core_record_kind", "core_record", ["kind", "id"])
    _index_where("outcome = 'failed'", "core_record_failed", ["id"])
    _index_where("outcome = 'failed'", "core_record_failed_kind", ["kind", "id"])
    _index_where("account_id is not null", "core_record_account", ["account_id"])


def downgrade() -> None:
    op.drop_table("core_record")
    op.drop_column("core_task", "traceparent")


def _index_where(condition: str, name: str, columns: list[str]) -> None:
    where = text(condition)
    op.create_index(name, "core_record", columns, postgresql_where=where, sqlite_where=where)
