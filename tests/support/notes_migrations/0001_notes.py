"""Where notes are kept."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column

from septet.core.columns import Id, Instant, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes_note",
        Column("id", Id, primary_key=True),
        Column("owner_id", Id, nullable=False),
        Column("title", Text, nullable=False),
        Column("color", Text, nullable=False),
        Column("stars", BigInteger, nullable=False),
        Column("pinned", Boolean, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_index("notes_note_owner", "notes_note", ["owner_id", "id"])


def downgrade() -> None:
    op.drop_table("notes_note")
