"""The table of notes: eight fields, found by id, listed by owner with the newest first."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table

from septet.core.columns import Id, Instant, Text

metadata = MetaData()

notes = Table(
    "notes_note",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("likes", BigInteger, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Index("notes_note_newest", "owner_id", "created_at", "id"),
)
