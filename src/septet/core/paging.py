"""Lists by keyset: pages that neither repeat nor miss an item while others write.

A system declares the whole list once, in its `queries.py`:

    notes_of_owner = keyset(select(…).where(notes.c.owner_id == bindparam("owner_id")),
                            by=(notes.c.created_at, notes.c.id), newest_first=True, into=Note)

and an operation gives one page of it: `await page(ctx, queries.notes_of_owner, limit, cursor, owner_id=…)`.
The last column of `by` is unique, so that no two items share a place; none of them may be null.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, tuple_

from septet.core.context import Context
from septet.core.database import Group, Many, Query, many
from septet.core.errors import Invalid
from septet.core.types import Page

T = TypeVar("T")

_VERSION = 1
_MAC_BYTES = 12
_MOST_REFILLS = 20
_BEFORE = "~"  # precedes a cursor that is to be read backwards; base64 has no such character
_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode


class Keyset(Group, Generic[T]):
    """A list's three queries: its first page, what comes after a place, and what comes before one."""

    def __init__(
        self,
        statement: Select[Any],
        by: Sequence[ColumnElement[Any]],
        newest_first: bool,
        into: type[T],
        scan: str = "",
    ) -> None:
        keys = [str(column.key) for column in by]
        here = tuple_(*by)
        place = tuple_(*(bindparam(f"at_{key}", type_=column.type) for key, column in zip(keys, by, strict=True)))
        falling, rising = [column.desc() for column in by], [column.asc() for column in by]
        forward, backward = (falling, rising) if newest_first else (rising, falling)
        beyond, short_of = (here < place, here > place) if newest_first else (here > place, here < place)
        most = bindparam("most", type_=BigInteger)
        self.first: Many[T] = many(statement.order_by(*forward).limit(most), into=into, scan=scan)
        self.after: Many[T] = many(statement.where(beyond).order_by(*forward).limit(most), into=into)
        self.before: Many[T] = many(statement.where(short_of).order_by(*backward).limit(most), into=into)
        self.names = [f"at_{key}" for key in keys]
        self.place_of = _place_of(keys)
        self.decode = _cursor_decoder(into, keys)

    def parts(self) -> dict[str, Query]:
        return {"first": self.first, "after": self.after, "before": self.before}


def _place_of(keys: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    get = operator.attrgetter(*keys)
    return get if len(keys) > 1 else lambda item: (get(item),)


def _cursor_decoder(into: Any, keys: list[str]) -> Callable[[bytes], tuple[Any, ...]]:
    types = {field.name: field.type for field in msgspec.structs.fields(into)}
    shape: Any = tuple[(int, str, bool, *(types[key] for key in keys))]  # type: ignore[misc]
    return msgspec.msgpack.Decoder(shape).decode


def keyset(
    statement: Select[Any],
    *,
    by: Sequence[ColumnElement[Any]],
    newest_first: bool = False,
    into: type[T],
    scan: str = "",
) -> Keyset[T]:
    """A list in the order of the columns `by`, all rising, or all falling with `newest_first`.

    scan: why its first page may read along the whole table, as a query's.
    """
    return Keyset(statement, by, newest_first, into, scan)


async def page(
    ctx: Context,
    items: Keyset[T],
    limit: int,
    cursor: str | None,
    *,
    keep: Callable[[T], bool] | None = None,
    **values: Any,
) -> Page[T]:
    """One page of at most `limit` of the items that `keep` lets through, however many must be read for it.

    Raises Invalid for a cursor that is broken, or was given to someone else or for another list.
    """
    start, back = (None, False) if cursor is None else open_cursor(ctx, items, cursor, values)
    found, far = await _gather(ctx, items, limit, start, back, keep, values)
    if back and not found and not (cursor or "").startswith(_BEFORE):
        return await page(ctx, items, limit, None, keep=keep, **values)  # what was before is gone: begin again
    if back:
        found.reverse()
    near = items.place_of(found[-1] if back else found[0]) if start and found else None
    following, preceding = (near, far) if back else (far, near)
    made = Page(
        found,
        seal_cursor(ctx, items, following, False, values) if following else None,
        seal_cursor(ctx, items, preceding, True, values) if preceding else None,
    )
    made.keep_places(lambda index: seal_cursor(ctx, items, items.place_of(found[index]), False, values))
    return made


async def _gather(
    ctx: Context,
    items: Keyset[T],
    limit: int,
    start: tuple[Any, ...] | None,
    back: bool,
    keep: Callable[[T], bool] | None,
    values: dict[str, Any],
) -> tuple[list[T], tuple[Any, ...] | None]:
    """At most `limit` items from `start` on, and the place where the list goes on, or None at its end."""
    found: list[T] = []
    place = start
    for _ in range(_MOST_REFILLS):
        query = items.first if place is None else items.before if back else items.after
        at = {} if place is None else dict(zip(items.names, place, strict=True))
        rows = await ctx.tx.all(query, **values, **at, most=limit + 1)
        found += rows if keep is None else filter(keep, rows)
        if len(found) > limit:
            del found[limit:]
            return found, items.place_of(found[-1])
        if len(rows) <= limit:
            return found, None
        place = items.place_of(rows[-1])
    return found, place


def seal_cursor(ctx: Context, items: Keyset[Any], place: tuple[Any, ...], back: bool, values: dict[str, Any]) -> str:
    """A cursor: the place, readable, with a tag that binds it to the list, its arguments and the viewer."""
    key_id = ctx.runtime.keys.current
    payload = _encode((_VERSION, key_id, back, *place))
    return base64.urlsafe_b64encode(_tag(ctx, items, key_id, payload, values) + payload).decode().rstrip("=")


def before(cursor: str) -> str:
    """From the cursor of an item (`Page.cursor_at`), the one to what precedes that item; there may be nothing."""
    return _BEFORE + cursor


def open_cursor(ctx: Context, items: Keyset[Any], cursor: str, values: dict[str, Any]) -> tuple[tuple[Any, ...], bool]:
    """The place that a cursor names, and whether the page lies before it."""
    backwards = cursor.startswith(_BEFORE)
    text = cursor.removeprefix(_BEFORE)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, key_id, back, *place = items.decode(raw[_MAC_BYTES:])
        tag = _tag(ctx, items, key_id, raw[_MAC_BYTES:], values)
    except (ValueError, KeyError, msgspec.MsgspecError):
        raise _refusal() from None
    if version != _VERSION or not hmac.compare_digest(tag, raw[:_MAC_BYTES]):
        raise _refusal()
    return tuple(place), back or backwards


def _tag(ctx: Context, items: Keyset[Any], key_id: str, payload: bytes, values: dict[str, Any]) -> bytes:
    key = ctx.runtime.keys.derive("core.cursor", key_id)
    bound = _encode((items.first.name, ctx.actor.key, list(values.values())))
    return hashlib.blake2b(bound + payload, key=key, digest_size=_MAC_BYTES).digest()


def _refusal() -> Invalid:
    return Invalid("This is no cursor of this list.", pointer="/cursor")
