"""Limits added up in a table, for processes that share a database and nothing else: by this machine's clock, in UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from septet.core import limit_queries as queries
from septet.core.database import Database, Isolation, Transaction
from septet.core.limit_queries import Arrival
from septet.core.sharing import LARGEST_DEBT, NEAR, Backlog, Spent

_SLACK = 2_000_000  # microseconds by which clocks may differ, and commits come late: who is near is read that far back
_MOST_NEAR = 10_000  # of them, the latest, in one exchange
_NAME = "core.limits"


class DatabaseLimits:
    """`seconds` gives the time since 1970."""

    def __init__(self, database: Database, seconds: Callable[[], float]) -> None:
        self._database = database
        self._seconds = seconds
        self._looked_at = 0

    async def exchange(self, spent: Sequence[Spent]) -> list[Backlog]:
        now = round(self._seconds() * 1e6)
        # Always in the same order, so that two processes never wait for each other's rows.
        rows = [_row(one, now, LARGEST_DEBT) for one in sorted(spent, key=lambda one: one.name)]

        async def add(tx: Transaction) -> None:
            await tx.run_many(queries.add_spent, rows)

        async def read(tx: Transaction) -> list[Arrival]:
            near = await tx.all(queries.near_since, since=self._looked_at - _SLACK, atmost=_MOST_NEAR)
            return near + (await tx.all(queries.find_arrivals, names=[one.name for one in spent]) if spent else [])

        if rows:
            await self._database.write(add, isolation=Isolation.READ_COMMITTED, name=_NAME)
        found = await self._database.read(read)
        self._looked_at = now
        return [Backlog(one.name, (one.arrival - now) / 1e6) for one in found if one.arrival > now]

    async def spend(self, spent: Spent) -> tuple[bool, float]:
        now = round(self._seconds() * 1e6)

        async def add(tx: Transaction) -> tuple[bool, int]:
            after = await tx.maybe(queries.spend_strictly, **_row(spent, now, 1.0))
            if after is not None:
                return True, after.arrival
            (before,) = await tx.all(queries.find_arrivals, names=[spent.name])
            return False, before.arrival

        allowed, arrival = await self._database.write(add, isolation=Isolation.READ_COMMITTED, name=_NAME)
        return allowed, max(arrival - now, 0) / 1e6


def _row(spent: Spent, now: int, windows: float) -> dict[str, Any]:
    """`windows`: how many of its windows a backlog can be long."""
    seconds, window = round(spent.seconds * 1e6), round(spent.window * 1e6)
    return {
        "name": spent.name,
        "first": now + seconds,
        "near": now + round(window * NEAR),
        "now": now,
        "spent": seconds,
        "most": now + round(window * windows),
    }
