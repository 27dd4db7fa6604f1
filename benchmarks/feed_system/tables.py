"""Who writes, what they wrote, what is counted of them, kept as they do."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table

from septet.core.columns import Id, Instant, Text

metadata = MetaData()

persons = Table("feed_person", metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False))

posts = Table(
    "feed_post",
    metadata,
    Column("id", Id, primary_key=True),
    Column("author_id", Id, nullable=False),
    Column("text", Text, nullable=False),
    Column("likes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
)

counts = Table(
    "feed_counts",
    metadata,
    Column("person_id", Id, primary_key=True),
    Column("followers", BigInteger, nullable=False),
    Column("posts", BigInteger, nullable=False),
)
