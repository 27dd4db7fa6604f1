"""Limits that processes share: arrival times in microseconds since 1970."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "core_limit",
        Column("name", LargeBinary, primary_key=True),
        Column("arrival", BigInteger, nullable=False),
        Column("near_at", BigInteger),
    )
    where = text("near_at is not null")
    op.create_index("core_limit_near", "core_limit", ["near_at"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    op.drop_table("core_limit")
