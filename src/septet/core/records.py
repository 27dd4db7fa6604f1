"""Records: what the server did lately, kept in a table of bounded length, so that one need not run a collector to see.

All that failed or was slow is kept, and a few of the others each second. They are gathered in memory and written
about once a second, in one transaction; when more come than fit, they are dropped and counted. A record holds no
argument and no body. It names the account that asked, and goes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from msgspec import Struct

from septet.core import record_queries as queries
from septet.core.context import Context
from septet.core.errors import Problem
from septet.core.events import task
from septet.core.measures import Counter, Measure
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.record_queries import Kind, Outcome, Record, RecordedQuery
from septet.core.trail import Trail
from septet.core.types import AccountId, CursorText, Limit, Page

if TYPE_CHECKING:
    from septet.core.runtime import Runtime

log = structlog.get_logger()

ORDINARY_A_SECOND: Final = 5  # that neither failed nor were slow
MOST_WAITING: Final = 500  # in memory, to be written
_MOST_QUERIES: Final = 20  # that one record names
_EVERY: Final = 1.0  # seconds between writings
_STRAGGLERS: Final = timedelta(minutes=1)  # after an account is erased, its last call may yet be written down


class ErasedAccount(Struct):
    account_id: AccountId


class RecordBook:
    """Takes the records of this process and writes them down."""

    def __init__(self, runtime: Runtime, most: int) -> None:
        self._runtime = runtime
        self._most = most
        self._waiting: list[Trail] = []
        self._ordinary = 0  # taken since the last writing
        self._dropped = 0

    def wants_more(self) -> bool:
        """Whether one that is nothing special is welcome now: the first few are, so that a hot server is not slowed."""
        if self._ordinary >= ORDINARY_A_SECOND:
            return False
        self._ordinary += 1
        return True

    def add(self, trail: Trail) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(trail)
        else:
            self._dropped += 1

    async def keep_writing(self) -> None:
        """Write about once a second, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.write()

    async def write(self) -> None:
        """Write down what waits, and forget the oldest. What cannot be written is dropped."""
        self._ordinary = 0
        if not self._waiting:
            return
        trails, self._waiting = self._waiting, []
        rows = [_row(trail, self._runtime.clock()) for trail in trails]
        try:
            await self._runtime.context().write_hot(_store, rows, self._most)
        except Exception as error:
            self._dropped += len(trails)
            log.warning("records were dropped", count=len(trails), exc_info=None if _is_foreseen(error) else error)

    async def measures(self) -> list[Measure]:
        about = "Records of calls and tasks that were not kept, for there were too many, or they could not be written."
        return [Counter("septet.records.dropped", about, [({}, self._dropped)])]


@operation.get("/v1/server/records", scope="server:read")
async def list_records(
    ctx: Context, kind: Kind | None = None, failed: bool = False, limit: Limit = 20, cursor: CursorText | None = None
) -> Page[Record]:
    """What the server did lately, newest first: all that failed or was slow, and some of the rest."""
    if kind is None:
        return await page(ctx, queries.list_failed if failed else queries.list_all, limit, cursor)
    of_kind = queries.list_failed_kind if failed else queries.list_kind
    return await page(ctx, of_kind, limit, cursor, kind=kind.value)


async def export_person(ctx: Context, account_id: AccountId) -> dict[str, Any]:
    """The records of an account's calls."""
    found = await ctx.tx.all(queries.records_of_account, account_id=account_id)
    return {"core_record": msgspec.to_builtins(found)}


async def erase_person(ctx: Context, account_id: AccountId) -> None:
    """Forget the records of an account's calls, now, and once more when none can be on its way any longer."""
    await ctx.tx.run(queries.forget_records_of_account, account_id=account_id)
    if ctx.runtime.floor.records:
        ctx.enqueue(forget_stragglers, ErasedAccount(account_id), at=ctx.now + _STRAGGLERS)


@task()
async def forget_stragglers(ctx: Context, erased: ErasedAccount) -> None:
    """Forget what was written down about an account after it was erased: the call that erased it, above all."""
    await ctx.tx.run(queries.forget_records_of_account, account_id=erased.account_id)


async def _store(ctx: Context, rows: Sequence[dict[str, Any]], most: int) -> None:
    await ctx.tx.run_many(queries.insert_record, rows)
    await ctx.tx.run(queries.forget_older_records, most=most)


def _row(trail: Trail, now: datetime) -> dict[str, Any]:
    microseconds_ago = (perf_counter_ns() - trail.began) // 1000
    totals = trail.query_totals()[:_MOST_QUERIES]
    return {
        "kind": Kind.TASK.value if trail.door == "task" else Kind.REQUEST.value,
        "name": trail.operation or trail.route,
        "door": trail.door,
        "outcome": _outcome(trail).value,
        "slow": trail.slow,
        "status": trail.status,
        "problem": trail.problem or None,
        "ms": trail.ms,
        "started_at": now - timedelta(microseconds=microseconds_ago),
        "trace_id": trail.trace_id,
        "account_id": trail.account,
        "queries": [RecordedQuery(total.name, total.count, total.ms) for total in totals],
    }


def _outcome(trail: Trail) -> Outcome:
    return Outcome.FAILED if trail.failed else Outcome.REFUSED if trail.problem else Outcome.DONE


def _is_foreseen(error: Exception) -> bool:
    return isinstance(error, Problem)
