"""Devices that accounts were signed in to from."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey, LargeBinary

from septet.core.columns import Id, Instant

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "identity_device",
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("place_hash", LargeBinary, primary_key=True),
        Column("seen_at", Instant, nullable=False),
    )
    op.create_index("identity_device_seen", "identity_device", ["seen_at"])


def downgrade() -> None:
    op.drop_table("identity_device")
