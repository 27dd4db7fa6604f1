"""Sealed columns: what must come back in plain is kept encrypted under the newest secret key, and sealed anew
after the keys were rotated, so that the old ones can be removed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct, field

from septet.core.context import Context
from septet.core.database import Many, Run

if TYPE_CHECKING:
    from septet.core.runtime import Runtime

_PAGE = 500
_BEFORE_ALL = UUID(int=0)


class SealedRow(Struct, frozen=True):
    id: UUID
    sealed: bytes


class SealedColumn(Struct, frozen=True):
    """A column that `Keyring.seal` filled, as a system's card names it.

    walk: rows after the id `after`, in its order, `most` of them. replace: puts `new` in place of `old` in `row_id`.
    Each value is bound to the id of its row.
    """

    table: str
    purpose: str
    walk: Many[SealedRow]
    replace: Run


class Resealed(Struct):
    """What became of a column's rows: sealed anew, and by the keys that are lacking, those that cannot be opened."""

    table: str
    rows: int = 0
    lost: Counter[str] = field(default_factory=Counter)


async def reseal(runtime: Runtime, column: SealedColumn) -> Resealed:
    """Seal with the newest key what an older one sealed, page by page. It may be broken off and begun again."""
    done, after = Resealed(column.table), _BEFORE_ALL
    ctx = runtime.context()
    while page := await ctx.read(_page, column, after):
        anew = []
        for row in page:
            key_id = runtime.keys.key_id_of(row.sealed)
            if key_id == runtime.keys.current:
                continue
            try:
                plain = runtime.keys.unseal(column.purpose, row.sealed, row.id.bytes)
            except ValueError:
                done.lost[key_id] += 1
                continue
            sealed = runtime.keys.seal(column.purpose, plain, row.id.bytes)
            anew.append({"row_id": row.id, "old": row.sealed, "new": sealed})
        if anew:
            await ctx.write_hot(_replace, column, anew)
            done.rows += len(anew)
        after = page[-1].id
    return done


async def _page(ctx: Context, column: SealedColumn, after: UUID) -> list[SealedRow]:
    return await ctx.tx.all(column.walk, after=after, most=_PAGE)


async def _replace(ctx: Context, column: SealedColumn, anew: list[dict[str, object]]) -> None:
    """What changed meanwhile was sealed with the newest key by who changed it, and stays."""
    await ctx.tx.run_many(column.replace, anew)
