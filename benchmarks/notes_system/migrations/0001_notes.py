"""The table of notes."""

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
        Column("text", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
        Column("likes", BigInteger, nullable=False),
        Column("pinned", Boolean, nullable=False),
    )
    op.create_index("notes_note_newest", "notes_note", ["owner_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("notes_note")
