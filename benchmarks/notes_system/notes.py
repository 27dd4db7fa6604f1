"""What one does with notes: write one, read one by its id, list one's own."""

from __future__ import annotations

from benchmarks.notes_system import queries
from benchmarks.notes_system.types import NewNote, Note, NoteId
from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.ids import new_id
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import CursorText, Limit, Page


@operation.post("/v1/notes/notes", scope="notes:write")
async def create_note(ctx: Context, body: NewNote) -> Note:
    """Write a note."""
    return await ctx.tx.one(
        queries.insert_note,
        id=new_id(),
        owner_id=ctx.actor.id,
        title=body.title,
        text=body.text,
        created_at=ctx.now,
        updated_at=ctx.now,
        likes=0,
        pinned=False,
    )


@operation.get("/v1/notes/notes/{id}", scope="notes:read", agent=True)
async def read_note(ctx: Context, id: NoteId) -> Note:
    """A note by its id, whoever wrote it."""
    note = await ctx.tx.maybe(queries.find_note, id=id)
    if note is None:
        raise NotFound("There is no such note.")
    return note


@operation.get("/v1/notes/notes", scope="notes:read")
async def list_notes(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Note]:
    """The caller's notes, newest first."""
    return await page(ctx, queries.notes_of_owner, limit, cursor, owner_id=ctx.actor.id)
