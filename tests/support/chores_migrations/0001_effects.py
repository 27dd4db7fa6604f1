"""Where chores write down what they did."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer

from septet.core.columns import Id, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "chores_effect",
        Column("id", Id, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("number", Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("chores_effect")
