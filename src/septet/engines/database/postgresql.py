"""PostgreSQL through asyncpg: plain reads in autocommit, writes in transactions that are run again when they must.

A transaction runs at SERIALIZABLE unless its operation says otherwise, so it behaves as if it were alone. Where
PostgreSQL cannot keep that up it undoes one of those in the way, and that one is run again from its start.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from septet.core.database import Isolation, Query, Transaction
from septet.core.errors import Unavailable
from septet.engines.database.compile import Plans
from septet.engines.database.dialects import POSTGRESQL
from septet.engines.database.pool import WAIT, Lent, Pool
from septet.engines.database.postgresql_errors import ABORTED, LOST, STALE, explain
from septet.engines.database.postgresql_transaction import HeldTransaction, PlainReads
from septet.engines.database.retries import Turns
from septet.settings import Settings

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

TRIES = 8
_TRIES_WHEN_LOST = 2
_TAKE_TURNS_AFTER = 2  # aborts
_LONGEST_PAUSE = 0.02
_GRACE = 5.0  # seconds that the server has to end a statement before its connection is given up

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PROBE = "SELECT pg_logical_emit_message(true, 'septet', 'ready')"  # writes to the log, and changes nothing
_UNKNOWN = "It is not known whether this was stored: the connection was lost. Ask again before you repeat it."


class Undone(Exception):
    """The transaction was undone through no fault of its own, and may be run again: `cause` says why."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class PostgresqlDatabase:
    """One database, a pool of connections a process."""

    dialect = "postgresql"

    def __init__(self, url: str, settings: Settings) -> None:
        self._plans = Plans(POSTGRESQL)
        self._pool = Pool(url, settings.database_pool, _options(settings))
        self._prepared = settings.database_prepared
        self._timeout = settings.database_timeout
        self._plain_reads = PlainReads(self._pool, self._plans)
        self._turns: defaultdict[str, Turns] = defaultdict(Turns)
        self._healthy = True  # the last commit succeeded

    def compile(self, queries: Iterable[Query]) -> None:
        self._plans.compile(queries)

    async def start(self) -> None:
        self._pool.give(await self._pool.take())

    async def read(self, work: Work[T], *, snapshot: bool = False) -> T:
        if snapshot:
            return await self._read_in_one(work, _SNAPSHOT)
        if not self._prepared:  # behind a pooler that gives each transaction another server
            return await self._read_in_one(work, "BEGIN READ ONLY")
        return await work(self._plain_reads)

    async def write(self, work: Work[T], *, isolation: Isolation = Isolation.SERIALIZABLE, name: str = "") -> T:
        begin = self._begin(isolation)
        turns = self._turns[name]
        aborts = failures = 0
        while True:
            await turns.let_go_first()
            try:
                return await self._attempt(work, begin)
            except Undone as undone:
                if not isinstance(undone.cause, ABORTED):
                    failures += 1
                    if failures >= _TRIES_WHEN_LOST:
                        raise explain(undone.cause, name) from undone.cause
                    continue
            aborts += 1
            if aborts >= _TAKE_TURNS_AFTER:
                async with turns:
                    return await self._try_again(work, begin, name, aborts)
            await _pause(aborts)

    async def _try_again(self, work: Work[T], begin: str, name: str, aborts: int) -> T:
        """The last tries, with the turn taken."""
        while True:
            try:
                return await self._attempt(work, begin)
            except Undone as undone:
                aborts += 1
                if aborts >= TRIES or not isinstance(undone.cause, ABORTED):
                    raise explain(undone.cause, name) from undone.cause
            await _pause(aborts)

    async def ready(self) -> bool:
        try:
            lent = await self._pool.take()
        except Unavailable:
            return False
        try:
            async with asyncio.timeout(WAIT):
                standby = await lent.raw.fetchval("SELECT pg_is_in_recovery()")
                if not standby and not self._healthy:
                    await lent.raw.execute(f"BEGIN READ WRITE; {_PROBE}; COMMIT")
        except Exception:
            self._pool.drop(lent)
            return False
        except BaseException:
            self._pool.drop(lent)
            raise
        self._pool.give(lent)
        self._healthy = self._healthy or not standby
        return not standby

    def gauges(self) -> Mapping[str, int]:
        return self._pool.gauges()

    async def close(self) -> None:
        await self._pool.close()

    def _begin(self, isolation: Isolation) -> str:
        begin = f"BEGIN ISOLATION LEVEL {isolation.value.upper()} READ WRITE"
        if self._prepared:
            return begin
        return f"{begin}; SET LOCAL statement_timeout = {_milliseconds(self._timeout)}"

    async def _read_in_one(self, work: Work[T], begin: str) -> T:
        try:
            return await self._attempt(work, begin)
        except Undone:  # the connection was lost, or the tables changed: a read bears a repeat
            pass
        try:
            return await self._attempt(work, begin)
        except Undone as undone:
            raise explain(undone.cause, "a transaction") from undone.cause

    async def _attempt(self, work: Work[T], begin: str) -> T:
        """Run `work` in a transaction, once. Raises Undone if it may be run again."""
        lent = await self._pool.take()
        try:
            await self._execute(lent, begin)
            transaction = HeldTransaction(lent.raw, self._plans)
            try:
                value = await work(transaction)
            except Exception:
                self._raise_undone(transaction)
                raise
            self._raise_undone(transaction)
            if transaction.problem is not None:  # its failure was caught, yet nothing it did can be committed
                raise transaction.problem
        except BaseException as error:
            await self._roll_back(lent, error)
            raise
        await self._commit(lent)
        return value

    def _raise_undone(self, transaction: HeldTransaction) -> None:
        """Whatever the operation made of it: a statement failed because the transaction was undone."""
        cause = transaction.failure
        if isinstance(cause, (*ABORTED, *LOST, *STALE)):
            if isinstance(cause, STALE):
                self._pool.renew()
            raise Undone(cause) from cause

    async def _execute(self, lent: Lent, begin: str) -> None:
        try:
            await lent.raw.execute(begin)
        except LOST as error:
            raise Undone(error) from error

    async def _commit(self, lent: Lent) -> None:
        try:
            status = await lent.raw.execute("COMMIT")
        except ABORTED as error:
            await self._roll_back(lent, error)
            raise Undone(error) from error
        except LOST as error:
            self._healthy = False
            self._pool.lose(lent)
            raise Unavailable(_UNKNOWN) from error
        except Exception as error:  # such as a full disk: PostgreSQL answered, so nothing was stored
            self._healthy = False
            self._pool.drop(lent)
            raise explain(error, "COMMIT") from error
        except BaseException:
            self._pool.drop(lent)
            raise
        self._pool.give(lent)
        if status != "COMMIT":
            raise RuntimeError(f"the database answered COMMIT with {status}")
        self._healthy = True

    async def _roll_back(self, lent: Lent, error: BaseException) -> None:
        """Undo what was done. A connection that was interrupted is not used again."""
        if not isinstance(error, Exception):
            self._pool.drop(lent)
            return
        if lent.raw.is_closed():
            self._pool.lose(lent)
            return
        try:
            if lent.raw.is_in_transaction():
                await lent.raw.execute("ROLLBACK")
        except BaseException as failed:
            self._pool.drop(lent)
            if not isinstance(failed, Exception):
                raise
        else:
            self._pool.give(lent)


async def _pause(aborts: int) -> None:
    await asyncio.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.001 * 2**aborts)))  # noqa: S311


def _options(settings: Settings) -> dict[str, Any]:
    """How connections are opened. Behind a pooler no session keeps anything from one transaction to the next."""
    options: dict[str, Any] = {
        "command_timeout": settings.database_timeout + _GRACE,
        "statement_cache_size": 1024 if settings.database_prepared else 0,
        "max_cached_statement_lifetime": 0,
        "max_cacheable_statement_size": 0,
    }
    if settings.database_prepared:
        options["server_settings"] = {
            "application_name": "septet",
            "default_transaction_read_only": "on",  # a transaction that may write says so
            "idle_in_transaction_session_timeout": str(_milliseconds(settings.database_timeout + _GRACE)),
            "jit": "off",
            "statement_timeout": str(_milliseconds(settings.database_timeout)),
            "TimeZone": "UTC",
        }
    return options


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
