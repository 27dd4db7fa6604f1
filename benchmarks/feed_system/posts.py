"""What one does with a feed: fill it for the benchmark, and read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from benchmarks.feed_system import queries
from benchmarks.feed_system.types import Counts, Person, PersonId, Post
from septet.core.context import Context
from septet.core.ids import new_id
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.relation import relation
from septet.core.types import CursorText, Limit, Page

PEOPLE, POSTS = 20, 400
TEXT = "They had come every morning for a week."


@operation.put("/v1/feed/content", scope="feed:write")
async def fill_feed(ctx: Context) -> None:
    """Twenty people, with their counts, and four hundred posts of theirs."""
    people = [UUID(int=number + 1) for number in range(PEOPLE)]
    for number, person in enumerate(people):
        await ctx.tx.run(queries.insert_person, id=person, name=f"Person {number}")
        await ctx.tx.run(queries.insert_counts, person_id=person, followers=number, posts=POSTS // PEOPLE)
    for number in range(POSTS):
        values = {"id": new_id(), "author_id": people[number % PEOPLE], "text": TEXT, "likes": number}
        await ctx.tx.run(queries.insert_post, **values, created_at=ctx.now)


@operation.get("/v1/feed/posts", scope="feed:read")
async def list_posts(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Post]:
    """Everybody's posts, newest first."""
    return await page(ctx, queries.newest_posts, limit, cursor)


@relation(Post, "author", by="author_id", scope="feed:read")
async def authors(ctx: Context, ids: Sequence[PersonId]) -> Mapping[PersonId, Person]:
    """Who wrote it."""
    return {person.id: person for person in await ctx.tx.all(queries.persons_by_id, ids=list(ids))}


@relation(Person, "counts", by="id", scope="feed:read")
async def counts(ctx: Context, ids: Sequence[PersonId]) -> Mapping[PersonId, Counts]:
    """Followers and posts."""
    return {counted.person_id: counted for counted in await ctx.tx.all(queries.counts_of, ids=list(ids))}
