"""Passwords that are long enough only beside a second factor."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("identity_account", Column("password_short", Boolean))


def downgrade() -> None:
    with op.batch_alter_table("identity_account") as batch:
        batch.drop_column("password_short")
