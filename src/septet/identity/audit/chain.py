"""The chain: each entry is hashed with the hash of the one before, so none can be changed, taken out or put between.

Entries are written without a place, so that no one who signs in waits for another, and put into the chain by the
second. Whichever process gets the lock does it. How far the chain reaches is kept sealed under the server's keys:
who can write to the database alone cannot cut its end off, nor write it anew. Who can bring back yesterday's whole
database can; against that its end is to be kept elsewhere (`AuditVerification.anchor`).

Entries that are too old go from its front; the state remembers the hash that the first one left follows.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from septet.core.context import Context
from septet.core.runtime import Runtime
from septet.core.sealing import SealedColumn
from septet.identity.audit import queries
from septet.identity.audit.rows import Entry
from septet.identity.audit.sealing import plain_fields

log = structlog.get_logger()

LOOK_SECONDS = 2.0
AT_ONCE = 500  # entries
_ONLY = UUID(int=1)  # the id of the one row of state
_PURPOSE = "identity.audit-chain"
_LOCK = "identity.audit-chain"
_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode


class ChainBrokenError(RuntimeError):
    """How far the chain reaches was changed."""


class State(Struct, frozen=True, array_like=True):
    """How far the chain reaches."""

    first: int = 1  # the number of the oldest entry that is left
    before_first: bytes = bytes(32)  # the hash of the one that it follows
    last: int = 0
    hash: bytes = bytes(32)  # of the last


async def look(runtime: Runtime) -> None:
    """Put into the chain what waits. Nearly always nothing does, and one read finds that out."""
    ctx = runtime.context()
    if (await ctx.read(_count_waiting)) > 0:
        while await ctx.write_hot(chain_some) == AT_ONCE:
            pass


async def chain_some(ctx: Context) -> int:
    """Put up to AT_ONCE entries into the chain, and give how many: 0 too while another process does it.

    Raises ChainBrokenError if it cannot be told how far the chain reaches.
    """
    if not await ctx.tx.try_lock(_LOCK):
        return 0
    waiting = await ctx.tx.all(queries.unchained, most=AT_ONCE)
    if not waiting:
        return 0
    state = await read_state(ctx)
    number, last = state.last, state.hash
    rows = []
    for entry in waiting:
        number, last = number + 1, link(last, number + 1, entry)
        rows.append({"entry_id": entry.id, "number": number, "hash": last})
    await ctx.tx.run_many(queries.chain_entry, rows)
    await _write_state(ctx, State(state.first, state.before_first, number, last))
    return len(waiting)


async def forget_before(ctx: Context, moment: datetime) -> bool:
    """Delete some of the entries at the front that are older than `moment`; whether there may be more of them."""
    if not await ctx.tx.try_lock(_LOCK):
        return False
    state = await read_state(ctx)
    front = await ctx.tx.all(queries.chained, first=state.first, most=AT_ONCE)
    # One that was committed late stands behind newer ones: it stays until they go.
    old = list(itertools.takewhile(lambda entry: entry.created_at < moment, front))
    if not old or old[-1].number is None or old[-1].hash is None:
        return False
    await ctx.tx.run(queries.delete_chained, last=old[-1].number)
    await _write_state(ctx, State(old[-1].number + 1, old[-1].hash, state.last, state.hash))
    return len(old) == AT_ONCE


def link(previous: bytes, number: int, entry: Entry) -> bytes:
    """The hash of an entry: SHA-256 of the hash before it, and of all that is stored of it, as MessagePack."""
    return hashlib.sha256(previous + _encode([number, *plain_fields(entry), entry.sealed_details])).digest()


async def read_state(ctx: Context) -> State:
    """How far the chain reaches. Raises ChainBrokenError if that was changed."""
    row = await ctx.tx.maybe(queries.find_state, id=_ONLY)
    if row is None:
        return State()
    keys = ctx.runtime.keys
    if (key_id := keys.key_id_of(row.sealed_state)) not in keys.ids:
        return await _begin_anew(ctx, key_id)
    try:
        plain = keys.unseal(_PURPOSE, row.sealed_state, _ONLY.bytes)
    except ValueError:
        raise ChainBrokenError("the state of the audit log's chain does not open") from None
    return msgspec.msgpack.decode(plain, type=State)


async def _begin_anew(ctx: Context, key_id: str) -> State:
    """Behind all that is there. Who keeps the chain's end elsewhere sees that it was."""
    log.error("the audit log's chain begins anew: the secret key that its state was sealed with is gone", key=key_id)
    found = await ctx.tx.maybe(queries.last_chained)
    last = (found.number if found else None) or 0
    return State(first=last + 1, last=last)


async def _write_state(ctx: Context, state: State) -> None:
    sealed = ctx.runtime.keys.seal(_PURPOSE, _encode(state), _ONLY.bytes)
    if not await ctx.tx.run(queries.update_state, chain_id=_ONLY, sealed_state=sealed):
        await ctx.tx.run(queries.insert_state, id=_ONLY, sealed_state=sealed)


async def _count_waiting(ctx: Context) -> int:
    return (await ctx.tx.one(queries.count_unchained)).number


SEALED_STATE = SealedColumn("identity_audit_chain", _PURPOSE, queries.sealed_states, queries.reseal_state)
