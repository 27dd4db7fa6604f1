"""Every query of the feed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from benchmarks.feed_system.tables import counts, persons, posts
from benchmarks.feed_system.types import Counts, Person, Post
from septet.core.database import Run, many, run
from septet.core.paging import keyset


def _insert(table: Table) -> Run:
    values: dict[str, Any] = {column.key: bindparam(column.key, type_=column.type) for column in table.columns}
    return run(insert(table).values(values))


insert_person, insert_post, insert_counts = _insert(persons), _insert(posts), _insert(counts)

newest_posts = keyset(select(*posts.columns), by=(posts.c.id,), newest_first=True, into=Post)

persons_by_id = many(select(*persons.columns).where(persons.c.id.in_(bindparam("ids", expanding=True))), into=Person)

counts_of = many(select(*counts.columns).where(counts.c.person_id.in_(bindparam("ids", expanding=True))), into=Counts)
