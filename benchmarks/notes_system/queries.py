"""Every query of the notes."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from benchmarks.notes_system.tables import notes
from benchmarks.notes_system.types import Note
from septet.core.database import maybe, one
from septet.core.paging import keyset

insert_note = one(
    insert(notes)
    .values({column.key: bindparam(column.key, type_=column.type) for column in notes.columns})
    .returning(*notes.columns),
    into=Note,
)

find_note = maybe(select(*notes.columns).where(notes.c.id == bindparam("id")), into=Note)

notes_of_owner = keyset(
    select(*notes.columns).where(notes.c.owner_id == bindparam("owner_id")),
    by=(notes.c.created_at, notes.c.id),
    newest_first=True,
    into=Note,
)
