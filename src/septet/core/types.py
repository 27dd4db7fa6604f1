"""The types that go over the wire: their bases, and the constrained types that systems share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Generic, NewType, TypeVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")
U = TypeVar("U")

AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)

LARGEST_INT = 2**53 - 1  # beyond this, JavaScript's numbers are no longer exact

Int = Annotated[int, Meta(ge=-LARGEST_INT, le=LARGEST_INT)]
Count = Annotated[int, Meta(ge=0, le=LARGEST_INT)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a time zone; replies are in UTC.")]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many items at most.")]
CursorText = Annotated[str, Meta(min_length=1, max_length=512, description="`next` or `previous` of an earlier reply.")]


class Input(Struct, forbid_unknown_fields=True, kw_only=True):
    """A body or an argument: an unknown field is refused. An optional field that may be absent is `UNSET`."""


class Output(Struct):
    """A reply: always sends all of its fields."""


class Page(Output, Generic[T], dict=True):
    """One page of a list. `next` and `previous` are cursors, null at the ends; `count` comes only when asked for."""

    items: list[T]
    next: str | None = None
    previous: str | None = None
    count: Count | UnsetType = UNSET

    def keep_places(self, cursor_at: Callable[[int], str]) -> None:
        """Remember how to name each item's place, for a door that gives every item a cursor."""
        self.__dict__["cursor_at"] = cursor_at

    def cursor_at(self, index: int) -> str:
        """A cursor to what comes after the item at `index`. Raises LookupError if nobody kept the places."""
        raise LookupError("this page does not know the places of its items")

    def showing(self, items: list[U]) -> Page[U]:
        """The same page, with each item as it is to be seen."""
        made = Page(items, self.next, self.previous, self.count)
        made.keep_places(self.cursor_at)
        return made
