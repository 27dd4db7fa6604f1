"""Whether the audit log is whole: every entry in its place, as it was written, up to where it must reach."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.operation import operation
from septet.identity.audit import queries
from septet.identity.audit.chain import ChainBrokenError, State, link, read_state
from septet.identity.audit.rows import Entry, Key
from septet.identity.audit.sealing import NOBODY, sealed_for, unseal
from septet.identity.audit.types import AuditFault, AuditVerification, Fault

_PAGE = 500
_MOST_FAULTS = 20
_ANCHOR = re.compile(r"(\d{1,18}):([0-9a-f]{64})")

Anchor = Annotated[
    str,
    Meta(pattern=r"^\d{1,18}:[0-9a-f]{64}$", description="The `anchor` of an earlier reply, kept elsewhere."),
]


@operation.get("/v1/identity/audit/verification", scope="identity:admin", snapshot=True)
async def verify_audit(ctx: Context, anchor: Anchor | None = None) -> AuditVerification:
    """Read the whole audit log and tell whether it is intact: which entries were changed, forged or removed.

    Keep the reply's `anchor` where who administers the database cannot reach, and give it the next time: then even
    a database put back to an earlier day is found out.
    """
    faults = _Faults()
    try:
        state = await read_state(ctx)
    except ChainBrokenError:
        state = State()
        faults.add(0, Fault.FORGED)
    await _walk(ctx, state, faults, _read_anchor(anchor, state, faults))
    waiting = await ctx.tx.one(queries.count_unchained)
    return AuditVerification(
        intact=not faults.found,
        first=state.first,
        last=state.last,
        waiting=waiting.number,
        anchor=f"{state.last}:{state.hash.hex()}",
        faults=faults.found,
    )


class _Faults:
    def __init__(self) -> None:
        self.found: list[AuditFault] = []

    def add(self, number: int, fault: Fault) -> None:
        if len(self.found) < _MOST_FAULTS:
            self.found.append(AuditFault(number, fault))


def _read_anchor(text: str | None, state: State, faults: _Faults) -> tuple[int, bytes] | None:
    """The place and hash to be met on the way. It must lie between the front and the end."""
    if text is None:
        return None
    found = _ANCHOR.fullmatch(text)
    if found is None:
        raise Invalid("This is no anchor of an audit log.", pointer="/anchor")
    number, hash = int(found[1]), bytes.fromhex(found[2])
    if number == state.first - 1 and hash != state.before_first:
        faults.add(number, Fault.CHANGED)
    elif number < state.first - 1:
        faults.add(number, Fault.GONE)
    elif number > state.last:
        faults.add(number, Fault.MISSING)
    return number, hash


async def _walk(ctx: Context, state: State, faults: _Faults, anchor: tuple[int, bytes] | None) -> None:
    """Go along the chain, and compare every entry with its hash, its seal, and the end."""
    expected, last = state.first, state.before_first
    keys: dict[UUID | None, Key | None] = {}
    while page := await ctx.tx.all(queries.chained, first=expected, most=_PAGE):
        for entry in page:
            assert entry.number is not None
            assert entry.hash is not None
            if entry.number != expected:
                faults.add(expected, Fault.MISSING)
            elif entry.hash != link(last, entry.number, entry):
                faults.add(entry.number, Fault.CHANGED)
            elif not await _opens(ctx, entry, keys):
                faults.add(entry.number, Fault.FORGED)
            elif anchor is not None and anchor[0] == entry.number and anchor[1] != entry.hash:
                faults.add(entry.number, Fault.CHANGED)
            expected, last = entry.number + 1, entry.hash
    if expected <= state.last:
        faults.add(expected, Fault.MISSING)
    elif (expected - 1, last) != (state.last, state.hash):
        faults.add(expected - 1, Fault.FORGED)


async def _opens(ctx: Context, entry: Entry, keys: dict[UUID | None, Key | None]) -> bool:
    """Whether its seal is whole. What was sealed for a person who was erased opens no more, and is not asked to."""
    of = sealed_for(entry)
    if of not in keys:
        if len(keys) >= _PAGE:
            keys.clear()
        keys[of] = await _key(ctx, of)
    key = keys[of]
    if key is None:
        return True
    try:
        unseal(ctx.runtime.keys, key, entry)
    except ValueError:
        return False
    return True


async def _key(ctx: Context, id: UUID | None) -> Key | None:
    if id is None:
        return await ctx.tx.maybe(queries.find_key, account_id=NOBODY)
    return await ctx.tx.maybe(queries.find_key_by_id, id=id)
