"""The feed as it goes over the wire."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

from septet.core.types import Count, Instant, Output

PostId = NewType("PostId", UUID)
PersonId = NewType("PersonId", UUID)


class Post(Output):
    id: PostId
    author_id: PersonId
    text: str
    likes: Count
    created_at: Instant


class Person(Output):
    id: PersonId
    name: str


class Counts(Output):
    """What is counted of a person."""

    person_id: PersonId
    followers: Count
    posts: Count
