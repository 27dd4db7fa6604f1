"""The tables of the feed."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column

from septet.core.columns import Id, Instant, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("feed_person", Column("id", Id, primary_key=True), Column("name", Text, nullable=False))
    op.create_table(
        "feed_post",
        Column("id", Id, primary_key=True),
        Column("author_id", Id, nullable=False),
        Column("text", Text, nullable=False),
        Column("likes", BigInteger, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "feed_counts",
        Column("person_id", Id, primary_key=True),
        Column("followers", BigInteger, nullable=False),
        Column("posts", BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("feed_counts", "feed_post", "feed_person"):
        op.drop_table(name)
