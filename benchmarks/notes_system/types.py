"""Notes as they go over the wire."""

from __future__ import annotations

from typing import Annotated, NewType
from uuid import UUID

from msgspec import Meta

from septet.core.types import AccountId, Count, Input, Instant, Output

NoteId = NewType("NoteId", UUID)


class NewNote(Input):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Annotated[str, Meta(max_length=5000)]


class Note(Output):
    id: NoteId
    owner_id: AccountId
    title: str
    text: str
    created_at: Instant
    updated_at: Instant
    likes: Count
    pinned: bool
