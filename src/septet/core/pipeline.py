"""The one path of every call, whatever door it came through.

door decodes → who asks → scope → limit → arguments validated
→ transaction { idempotency → operation, with its policies → events and reply stored } → commit → door encodes
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from septet.core import idempotency
from septet.core.caching import CachedOperation, Caching
from septet.core.context import Context
from septet.core.limits import Limit
from septet.core.operation import Operation
from septet.core.runtime import Runtime
from septet.core.tags import Tags
from septet.core.trail import Trail


class Pipeline:
    """Runs operations. `call` is all that a door needs."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._default_limit = Limit(runtime.floor.limit_default, 60.0)
        self._caching = Caching(runtime.cache) if runtime.cache is not None else None
        self._cached: dict[str, CachedOperation] = {}
        self._stale: dict[str, Tags] = {}
        if self._caching is not None:
            for name, operation in runtime.registry.operations.items():
                if operation.declared.cache is not None:
                    self._cached[name] = CachedOperation(operation, operation.declared.cache)
                if templates := operation.declared.invalidates:
                    self._stale[name] = Tags(name, templates, operation.arguments, operation.returns)

    async def call(
        self,
        ctx: Context,
        operation: Operation,
        bind: Callable[[], Struct],
        idempotency_key: str | None = None,
        then: Callable[[Any], Awaitable[Any]] | None = None,
    ) -> Any:
        """The operation's value. `bind` gives its arguments, and is called once the caller may call at all.

        `then` makes of the value what the door shows: in the transaction of a read, or after a change is durable in
        a reading one of its own.

        Raises what the operation raises, and Unauthenticated, Forbidden, TooMany, Invalid, Conflict, Unavailable.
        A value that was stored by an earlier call with the same key sets `ctx.replayed`.
        """
        if ctx.trail is None:
            with self._runtime.telemetry.following(ctx, "direct"):
                return await self.call(ctx, operation, bind, idempotency_key, then)
        try:
            return await self._call(ctx, ctx.trail, operation, bind, idempotency_key, then)
        except Exception as error:
            ctx.trail.note(error)
            raise

    async def _call(
        self,
        ctx: Context,
        trail: Trail,
        operation: Operation,
        bind: Callable[[], Struct],
        idempotency_key: str | None,
        then: Callable[[Any], Awaitable[Any]] | None,
    ) -> Any:
        self.admit(ctx, operation)
        arguments = bind()
        trail.mark("bind")
        if not operation.writes:
            return await self._read(ctx, operation, arguments, then)
        if idempotency_key is not None:
            idempotency.check_key(operation, idempotency_key)
        if operation.declared.steps:
            value = await self._write_in_steps(ctx, operation, arguments, idempotency_key)
        else:
            value = await self._write(ctx, operation, arguments, idempotency_key)
        return value if then is None else await self._runtime.read(ctx, lambda: then(value), snapshot=True)

    def admit(self, ctx: Context, operation: Operation) -> None:
        """Let the caller in, at the price of one call. Raises Unauthenticated, ProofRequired, Forbidden or TooMany."""
        if ctx.trail is not None:
            ctx.trail.enter(operation.name, ctx.actor.account)
        ctx.require_scope(operation.declared.scope)
        ctx.require_proof(operation.declared.proof)
        if self._runtime.floor.limits:
            self.spend(ctx, operation.name, operation.declared.limits)
        if ctx.trail is not None:
            ctx.trail.mark("admit")

    async def read_within(self, ctx: Context, operation: Operation, arguments: Struct) -> Any:
        """The value of a reading operation that was admitted, in the reading transaction that is open already.

        Such a transaction sees one moment, so the cache, which has others, has no part in it.
        """
        try:
            return await operation.call(ctx, arguments)
        except Exception as error:  # a door may go on without this value, as GraphQL does
            if ctx.trail is not None:
                ctx.trail.note(error)
            raise

    async def _read(
        self, ctx: Context, operation: Operation, arguments: Struct, then: Callable[[Any], Awaitable[Any]] | None
    ) -> Any:
        if self._caching is not None and (cached := self._cached.get(operation.name)) is not None:
            value = await self._caching.read(ctx, cached, arguments, lambda: self._read_anew(ctx, operation, arguments))
            return value if then is None else await self._runtime.read(ctx, lambda: then(value), snapshot=True)
        if then is None:
            return await self._read_anew(ctx, operation, arguments)
        if operation.declared.steps:
            value = await operation.call(ctx, arguments)
            return await self._runtime.read(ctx, lambda: then(value), snapshot=True)

        async def read_then() -> Any:
            return await then(await self.read_within(ctx, operation, arguments))

        return await self._runtime.read(ctx, read_then, snapshot=True)

    async def _read_anew(self, ctx: Context, operation: Operation, arguments: Struct) -> Any:
        if operation.declared.steps:
            return await operation.call(ctx, arguments)
        work: Callable[[], Awaitable[Any]] = lambda: self.read_within(ctx, operation, arguments)
        return await self._runtime.read(ctx, work, snapshot=operation.declared.snapshot)

    async def _write(self, ctx: Context, operation: Operation, arguments: Struct, key: str | None) -> Any:
        stale = self._stale.get(operation.name)

        async def work() -> Any:
            if key is None:
                value = await operation.call(ctx, arguments)
            else:
                value = await idempotency.run_once(ctx, operation, arguments, key)
            if stale is not None:
                ctx.invalidate(*stale.fill(ctx, arguments, value))
            return value

        return await self._runtime.write(ctx, work, operation.declared.isolation, operation.name)

    async def _write_in_steps(self, ctx: Context, operation: Operation, arguments: Struct, key: str | None) -> Any:
        stale = self._stale.get(operation.name)
        if stale is None:
            return await idempotency.run_steps(ctx, operation, arguments, key)
        try:
            value = await idempotency.run_steps(ctx, operation, arguments, key)
        except BaseException:  # steps before the one that failed stand
            await self._runtime.invalidate(stale.fill_without_reply(ctx, arguments))
            raise
        await self._runtime.invalidate(stale.fill(ctx, arguments, value))
        return value

    def spend(self, ctx: Context, what: str, limits: Sequence[Limit]) -> None:
        """Count a call of `what` against the default limit and its own. Raises TooMany, costing nothing more."""
        caller = ctx.actor.key if ctx.actor.known else ctx.client.address
        ctx.spend(self._default_limit, "", caller)
        for limit in limits:
            ctx.spend(limit, what, ctx.client.address if limit.by == "address" else caller)
