"""The one path of every call, whatever door it came through.

door decodes → who asks → scope → limit → arguments validated
→ transaction { idempotency → operation, with its policies → events and reply stored } → commit → door encodes
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from septet.core import idempotency
from septet.core.context import Context
from septet.core.errors import Forbidden, Unauthenticated
from septet.core.limits import Limit
from septet.core.operation import Operation
from septet.core.runtime import Runtime


class Pipeline:
    """Runs operations. `call` is all that a door needs."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._default_limit = Limit(runtime.floor.limit_default, 60.0)

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
        self.admit(ctx, operation)
        arguments = bind()
        if not operation.writes:
            return await self._read(ctx, operation, arguments, then)
        if idempotency_key is not None:
            idempotency.check_key(operation, idempotency_key)
        if operation.declared.steps:
            value = await idempotency.run_steps(ctx, operation, arguments, idempotency_key)
        else:
            value = await self._write(ctx, operation, arguments, idempotency_key)
        return value if then is None else await self._runtime.read(ctx, lambda: then(value), snapshot=True)

    def admit(self, ctx: Context, operation: Operation) -> None:
        """Let the caller in, at the price of one call. Raises Unauthenticated, Forbidden or TooMany."""
        ctx.require_scope(operation.declared.scope)
        if self._runtime.floor.limits:
            self._spend(ctx, operation)

    async def read_within(self, ctx: Context, operation: Operation, arguments: Struct) -> Any:
        """The value of a reading operation that was admitted, in the reading transaction that is open already."""
        return await operation.call(ctx, arguments)

    async def _read(
        self, ctx: Context, operation: Operation, arguments: Struct, then: Callable[[Any], Awaitable[Any]] | None
    ) -> Any:
        if operation.declared.steps:
            value = await operation.call(ctx, arguments)
            return value if then is None else await self._runtime.read(ctx, lambda: then(value), snapshot=True)
        if then is None:
            work: Callable[[], Awaitable[Any]] = lambda: self.read_within(ctx, operation, arguments)
            return await self._runtime.read(ctx, work, snapshot=operation.declared.snapshot)

        async def read_then() -> Any:
            return await then(await self.read_within(ctx, operation, arguments))

        return await self._runtime.read(ctx, read_then, snapshot=True)

    async def _write(self, ctx: Context, operation: Operation, arguments: Struct, key: str | None) -> Any:
        work: Callable[[], Awaitable[Any]]
        if key is None:
            work = lambda: operation.call(ctx, arguments)
        else:
            work = lambda: idempotency.run_once(ctx, operation, arguments, key)
        return await self._runtime.write(ctx, work, operation.declared.isolation, operation.name)

    def _spend(self, ctx: Context, operation: Operation) -> None:
        """Count the call against the default limit and the operation's own. Raises TooMany, costing nothing more."""
        caller = ctx.actor.key if ctx.actor.account is not None else ctx.client.address
        ctx.spend(self._default_limit, "", caller)
        for limit in operation.declared.limits:
            ctx.spend(limit, operation.name, ctx.client.address if limit.by == "address" else caller)
