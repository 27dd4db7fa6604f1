"""What one process runs on, put together by `app.py`: settings, database, keys, clock, outbox, limits."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import Struct

from septet.core.authentication import Authentication, Verify
from septet.core.context import SERVER, Context
from septet.core.database import Database, Isolation, Transaction
from septet.core.limits import Limit, Limits, Standing
from septet.core.measures import Measures
from septet.core.sharing import LimitStore, SharedLimits, Sharing
from septet.core.telemetry import Telemetry
from septet.core.trail import Timed

if TYPE_CHECKING:
    from septet.core.cache import Cache
    from septet.core.keys import Keyring
    from septet.core.mail import Mail
    from septet.core.outbox import Outbox
    from septet.core.realtime import Broker
    from septet.core.registry import Registry
    from septet.settings import Settings

R = TypeVar("R")
S = TypeVar("S", bound=Struct)


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Runtime:
    """The parts, and the one way in which transactions begin and end."""

    def __init__(
        self,
        *,
        settings: Settings,
        system_settings: Mapping[type[Struct], Struct],
        registry: Registry,
        database: Database,
        keys: Keyring,
        mail: Mail,
        outbox: Outbox,
        broker: Broker,
        cache: Cache | None = None,
        limit_store: LimitStore | None = None,
        clock: Callable[[], datetime] = utc_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.floor = settings
        self.registry = registry
        self.database = database
        self.keys = keys
        self.mail = mail
        self.outbox = outbox
        self.broker = broker
        self.cache = cache
        self.clock = clock
        self._system_settings = system_settings
        self.authentication = Authentication(self._verify(), lambda: clock().timestamp())
        self.sharing: Sharing | None = None
        self._limits: Limits | None = None
        if settings.limits and limit_store is not None:
            self._limits = shared = SharedLimits(ticks, keys.derive("core.limits"))
            self.sharing = Sharing(shared, limit_store)
        elif settings.limits:
            self._limits = Limits(ticks)
        self.telemetry = Telemetry(slow=settings.log_slow, sample=settings.trace_sample)
        self.measures = Measures()
        self.memory: dict[Any, Any] = {}  # what a system keeps for this process, under a key of its own type

    def _verify(self) -> Verify | None:
        """The `authenticate` of the one system that has it."""
        found = [system.authenticate for system in self.registry.systems if system.authenticate]
        if len(found) > 1:
            raise TypeError("two systems authenticate; one may")
        return functools.partial(found[0], self) if found else None

    def settings_of(self, kind: type[S]) -> S:
        return cast(S, self._system_settings[kind])

    def spend(self, limit: Limit, what: str, whose: str) -> Standing | None:
        """Where `whose` stands after one more `what`; None while limits are off."""
        return self._limits.spend(limit, what, whose) if self._limits else None

    async def spend_everywhere(self, limit: Limit, what: str, whose: str) -> Standing | None:
        """As `spend`, and what is allowed here is asked for where processes share their limits, if they do."""
        here = self.spend(limit, what, whose)
        if here is None or not here.allowed or self.sharing is None:
            return here
        return await self.sharing.confirm(limit, what, whose, here)

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Let no cached value with one of `tags` be found any more."""
        if self.cache is not None:
            await self.cache.invalidate(tags)

    def context(self) -> Context:
        """A context for the server's own work."""
        return Context(self, SERVER)

    async def read(self, ctx: Context, work: Callable[[], Awaitable[R]], *, snapshot: bool = False) -> R:
        """Run `work` with `ctx.tx` open for reading. Raises RuntimeError if it announced what nothing will store."""
        trail = ctx.trail

        async def attempt(tx: Transaction) -> R:
            ctx.transaction = tx if trail is None else Timed(tx, trail)
            ctx.pending.clear()
            try:
                value = await work()
                if ctx.pending:
                    raise RuntimeError("events and tasks are stored with a change: this transaction only reads")
                return value
            finally:
                ctx.transaction = None
                if trail is not None:
                    trail.mark("transaction")

        return await self.database.read(attempt, snapshot=snapshot)

    async def write(
        self,
        ctx: Context,
        work: Callable[[], Awaitable[R]],
        isolation: Isolation = Isolation.SERIALIZABLE,
        name: str = "",
    ) -> R:
        """Run `work` with `ctx.tx` open for writing, store what it announced, and return once durable.

        The engine may run it again from its start, so what an earlier attempt recorded is dropped first.
        """
        trail = ctx.trail

        async def attempt(tx: Transaction) -> R:
            if trail is not None:
                trail.mark("wait")
            ctx.transaction = tx if trail is None else Timed(tx, trail)
            ctx.pending.clear()
            ctx.after_commit.clear()
            ctx.stale = ()
            try:
                value = await work()
                if ctx.pending:
                    await self.outbox.store(ctx)
                return value
            finally:
                ctx.transaction = None
                if trail is not None:
                    trail.mark("transaction")

        try:
            value = await self.database.write(attempt, isolation=isolation, name=name)
        except BaseException:  # perhaps of the commit alone, and the change stands
            if ctx.stale:
                await self.invalidate(ctx.stale)
            raise
        if trail is not None:
            trail.mark("commit")
        await self._follow_up(ctx)
        return value

    async def _follow_up(self, ctx: Context) -> None:
        """What comes of a change that is durable now: its tasks run, values it made untrue are gone, others hear."""
        if ctx.pending:
            self.outbox.wake()
            ctx.pending.clear()
        if ctx.stale:
            await self.invalidate(ctx.stale)
            ctx.stale = ()
        for call in ctx.after_commit:
            call()
        ctx.after_commit.clear()
