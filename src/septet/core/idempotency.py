"""A retried request has its effect once: `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header).

The reply is stored in the transaction of the change itself, so there is no moment when one stands without the
other. Only what committed is stored: after a refusal the same key may be used to try again.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from septet.core import queries
from septet.core.context import Context
from septet.core.errors import InProgress, Invalid, KeyReused
from septet.core.events import every
from septet.core.operation import Operation
from septet.core.queries import Stored
from septet.core.types import AccountId

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
TWIN_LEASE = timedelta(seconds=60)  # a `steps` twin that says nothing for so long is taken for dead
_ROWS_A_SWEEP = 1000


def check_key(operation: Operation, key: str) -> None:
    """Raise Invalid for a key that cannot be one, or that the operation cannot take."""
    if not operation.takes_idempotency_key:
        raise Invalid("This operation takes no Idempotency-Key.", pointer="/Idempotency-Key")
    if not _KEY.match(key):
        raise Invalid("A key has 1 to 255 visible ASCII characters.", pointer="/Idempotency-Key")


async def run_once(ctx: Context, operation: Operation, arguments: Struct, key: str) -> Any:
    """Inside the call's transaction: replay the stored reply, or run and store it.

    Raises KeyReused for other arguments, InProgress while a twin runs.
    """
    place = _place(ctx, operation, key)
    if not await ctx.tx.try_lock("/".join(place.values())):
        raise InProgress("The same request is still running.")
    fingerprint = _fingerprint(arguments)
    stored = await ctx.tx.maybe(queries.find_reply, **place)
    if stored is not None and stored.reply is not None:
        return _replay(ctx, operation, stored, fingerprint)
    value = await operation.call(ctx, arguments)
    reply = msgspec.json.encode(value)
    await ctx.tx.run(queries.store_reply, **place, fingerprint=fingerprint, reply=reply, created_at=ctx.now)
    return value


async def run_steps(ctx: Context, operation: Operation, arguments: Struct, key: str | None) -> Any:
    """Around a `steps` operation: claim the key in a step, run, store the reply in a last step.

    A process that dies between leaves the claim, which ends after TWIN_LEASE; its steps bear a repeat.
    """
    if key is None:
        return await operation.call(ctx, arguments)
    place = _place(ctx, operation, key)
    fingerprint = _fingerprint(arguments)
    stored = await ctx.write_hot(_claim, place, fingerprint)
    if stored is not None:
        return _replay(ctx, operation, stored, fingerprint)
    try:
        value = await operation.call(ctx, arguments)
    except BaseException:
        await ctx.write_hot(_forget, place)
        raise
    await ctx.write_hot(_keep, place, fingerprint, msgspec.json.encode(value))
    return value


async def _claim(ctx: Context, place: dict[str, str], fingerprint: bytes) -> Stored | None:
    """Take the key, or give what an earlier call stored. Raises InProgress while a twin runs."""
    values = {**place, "fingerprint": fingerprint, "created_at": ctx.now, "stale": ctx.now - TWIN_LEASE}
    if await ctx.tx.run(queries.claim_reply, **values):
        return None
    stored = await ctx.tx.maybe(queries.find_reply, **place)
    if stored is None or stored.reply is None:
        raise InProgress("The same request is still running.")
    return stored


async def _keep(ctx: Context, place: dict[str, str], fingerprint: bytes, reply: bytes) -> None:
    await ctx.tx.run(queries.store_reply, **place, fingerprint=fingerprint, reply=reply, created_at=ctx.now)


async def _forget(ctx: Context, place: dict[str, str]) -> None:
    await ctx.tx.run(queries.forget_reply, **place)


def _place(ctx: Context, operation: Operation, key: str) -> dict[str, str]:
    return {"actor": ctx.actor.key, "operation": operation.name, "key": key}


def _fingerprint(arguments: Struct) -> bytes:
    return hashlib.sha256(msgspec.json.encode(arguments)).digest()


def _replay(ctx: Context, operation: Operation, stored: Stored, fingerprint: bytes) -> Any:
    if stored.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key was used with another request.", pointer="/Idempotency-Key")
    ctx.replayed = True
    return msgspec.json.decode(stored.reply or b"null", type=operation.returns)


async def export_person(ctx: Context, account_id: AccountId) -> dict[str, Any]:
    """Which replies are kept for an account's retries."""
    kept = await ctx.tx.all(queries.replies_of_actor, actor=str(account_id))
    return {"core_idempotency": msgspec.to_builtins(kept)}


async def erase_person(ctx: Context, account_id: AccountId) -> None:
    """Forget the replies kept for an account's retries: they show what it was."""
    await ctx.tx.run(queries.forget_replies_of_actor, actor=str(account_id))


@every(timedelta(minutes=10))
async def forget_old_replies(ctx: Context) -> None:
    """Replies are kept for the hours of SEPTET_IDEMPOTENCY_HOURS."""
    before = ctx.now - timedelta(hours=ctx.runtime.floor.idempotency_hours)
    while await ctx.tx.run(queries.forget_replies_before, before=before, most=_ROWS_A_SWEEP) == _ROWS_A_SWEEP:
        pass
