"""Queries on PostgreSQL: within one transaction, or as plain reads, each a transaction of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import asyncpg

from septet.core.database import Many, Maybe, One, Run
from septet.engines.database.compile import Plans
from septet.engines.database.pool import Pool
from septet.engines.database.postgresql_errors import LOST, STALE, explain

T = TypeVar("T")
Call = Callable[[Any, str, tuple[Any, ...]], Awaitable[Any]]

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"


class _Queries:
    """The queries; where they run, and what becomes of one that fails, is up to `_call`."""

    __slots__ = ("_plans",)

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    async def one(self, query: One[T], /, **values: Any) -> T:
        plan = self._plans[query]
        row = await self._call(plan.name, _fetch_row, plan.sql, plan.bind(**values))
        if row is None:
            raise LookupError(f"{plan.name} found no row")
        made: T = plan.make(*row)
        return made

    async def maybe(self, query: Maybe[T], /, **values: Any) -> T | None:
        plan = self._plans[query]
        row = await self._call(plan.name, _fetch_row, plan.sql, plan.bind(**values))
        return None if row is None else plan.make(*row)

    async def all(self, query: Many[T], /, **values: Any) -> list[T]:
        plan = self._plans[query]
        return plan.make_many(await self._call(plan.name, _fetch_all, plan.sql, plan.bind(**values)))

    async def run(self, query: Run, /, **values: Any) -> int:
        plan = self._plans[query]
        status = await self._call(plan.name, _execute, plan.sql, plan.bind(**values))
        count = status.rpartition(" ")[2]  # of INSERT 0 1, UPDATE 3, DELETE 0
        return int(count) if count.isdecimal() else 0

    async def run_many(self, query: Run, rows: Iterable[dict[str, Any]], /) -> None:
        plan = self._plans[query]
        await self._call(plan.name, _execute_many, plan.sql, tuple(plan.bind(**row) for row in rows))

    async def try_lock(self, name: str) -> bool:
        row = await self._call("try_lock", _fetch_row, _LOCK, (name,))
        return bool(row[0])

    async def _call(self, name: str, call: Call, sql: str, parameters: tuple[Any, ...]) -> Any:
        raise NotImplementedError


class HeldTransaction(_Queries):
    """All on one connection, on which a transaction was begun."""

    __slots__ = ("_raw", "failure", "problem")

    def __init__(self, raw: Any, plans: Plans) -> None:
        super().__init__(plans)
        self._raw = raw
        self.failure: Exception | None = None  # the driver's first error, after which nothing here can be committed
        self.problem: Exception | None = None  # what it is to the caller

    async def _call(self, name: str, call: Call, sql: str, parameters: tuple[Any, ...]) -> Any:
        try:
            return await call(self._raw, sql, parameters)
        except asyncpg.InterfaceError as error:
            if not self._raw.is_closed():  # two queries at once, of one transaction: a bug
                self.failure = self.problem = RuntimeError(f"{name}: {error}")
                raise self.problem from error
            raise self._failed(error, name) from error
        except Exception as error:
            raise self._failed(error, name) from error

    def _failed(self, error: Exception, name: str) -> Exception:
        if isinstance(error, asyncpg.InFailedSQLTransactionError) and self.problem is not None:
            return self.problem  # after one failure nothing can be asked any more, for the same reason
        problem = explain(error, name)
        if self.failure is None:
            self.failure, self.problem = error, problem
        return problem


class PlainReads(_Queries):
    """Each on a connection of its own, lent for as long as the query takes."""

    __slots__ = ("_pool",)

    def __init__(self, pool: Pool, plans: Plans) -> None:
        super().__init__(plans)
        self._pool = pool

    async def _call(self, name: str, call: Call, sql: str, parameters: tuple[Any, ...]) -> Any:
        try:
            return await self._try(call, sql, parameters)
        except (*LOST, *STALE) as error:
            if isinstance(error, STALE):
                self._pool.renew()
        except Exception as error:
            raise explain(error, name) from error
        try:  # a plain read changes nothing, so it bears a repeat on a fresh connection
            return await self._try(call, sql, parameters)
        except Exception as error:
            raise explain(error, name) from error

    async def _try(self, call: Call, sql: str, parameters: tuple[Any, ...]) -> Any:
        lent = await self._pool.take()
        try:
            value = await call(lent.raw, sql, parameters)
        except LOST:
            self._pool.lose(lent)
            raise
        except Exception:
            self._pool.give(lent)
            raise
        except BaseException:  # interrupted, so nobody knows its state
            self._pool.drop(lent)
            raise
        self._pool.give(lent)
        return value


def _fetch_row(raw: Any, sql: str, parameters: tuple[Any, ...]) -> Awaitable[Any]:
    return raw.fetchrow(sql, *parameters)  # type: ignore[no-any-return]


def _fetch_all(raw: Any, sql: str, parameters: tuple[Any, ...]) -> Awaitable[Any]:
    return raw.fetch(sql, *parameters)  # type: ignore[no-any-return]


def _execute(raw: Any, sql: str, parameters: tuple[Any, ...]) -> Awaitable[Any]:
    return raw.execute(sql, *parameters)  # type: ignore[no-any-return]


def _execute_many(raw: Any, sql: str, rows: tuple[Any, ...]) -> Awaitable[Any]:
    return raw.executemany(sql, rows)  # type: ignore[no-any-return]
