"""Reading the audit log: what happened to one's own account, and for administrators to any."""

from __future__ import annotations

from uuid import UUID

from septet.core.context import Context
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page
from septet.identity.audit import queries
from septet.identity.audit.rows import Details, EntrySeen, Key
from septet.identity.audit.sealing import NOBODY, sealed_for, unseal
from septet.identity.audit.types import AuditRecord, AuditRecordId, OwnAuditRecord

_NONE = UUID(int=0)  # no key's id
_UNKNOWN = Details("", "", "")


@operation.get("/v1/identity/me/audit", scope="identity:read")
async def list_own_audit(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[OwnAuditRecord]:
    """What happened to your account, newest first: from where, and how it came out."""
    seen = await page(ctx, queries.seen_about, limit, cursor, key_id=await _key_id(ctx, ctx.actor.id))
    return seen.showing([_own(record, ctx.actor.id) for record in await _records(ctx, seen.items)])


@operation.get("/v1/identity/accounts/{id}/audit", scope="identity:admin")
async def list_audit_of_account(
    ctx: Context, id: AccountId, limit: Limit = 20, cursor: CursorText | None = None
) -> Page[AuditRecord]:
    """What happened to an account, newest first. It is empty for one that is none, or that was erased."""
    seen = await page(ctx, queries.seen_about, limit, cursor, key_id=await _key_id(ctx, id))
    return seen.showing(await _records(ctx, seen.items))


@operation.get("/v1/identity/audit", scope="identity:admin")
async def list_audit(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[AuditRecord]:
    """What happened to all accounts, newest first; without names for what concerns nobody, or who was erased."""
    seen = await page(ctx, queries.seen_all, limit, cursor)
    return seen.showing(await _records(ctx, seen.items))


async def records_of(ctx: Context, account_id: AccountId) -> list[OwnAuditRecord]:
    """All that the log tells about an account, and all that it did to others, without who they are."""
    key = await ctx.tx.maybe(queries.find_key, account_id=account_id)
    if key is None:
        return []
    about = await ctx.tx.all(queries.held_about, key_id=key.id)
    by = await ctx.tx.all(queries.held_by, key_id=key.id)
    entries = [*about, *(entry for entry in by if entry.about_key != key.id)]
    return [_own(record, account_id) for record in await _records(ctx, entries)]


async def _key_id(ctx: Context, account_id: AccountId) -> UUID:
    key = await ctx.tx.maybe(queries.find_key, account_id=account_id)
    return _NONE if key is None else key.id


async def _records(ctx: Context, entries: list[EntrySeen]) -> list[AuditRecord]:
    nobody = await ctx.tx.maybe(queries.find_key, account_id=NOBODY)
    return [_record(ctx, entry, nobody) for entry in entries]


def _record(ctx: Context, entry: EntrySeen, nobody: Key | None) -> AuditRecord:
    details = _UNKNOWN
    if (key := _key_of(entry, nobody)) is not None:
        try:
            details = unseal(ctx.runtime.keys, key, entry)
        except ValueError:  # changed by whoever can write to the database: `verify_audit` says so
            details = Details("", "", "this entry was changed")
    return AuditRecord(
        id=AuditRecordId(entry.id),
        created_at=entry.created_at,
        action=entry.action,
        outcome=entry.outcome,
        account_id=entry.about_id,
        actor_id=entry.actor_id,
        address=details.address,
        user_agent=details.user_agent,
        target=details.target,
    )


def _key_of(entry: EntrySeen, nobody: Key | None) -> Key | None:
    """What its details are sealed with; None once that key was destroyed."""
    key_id = sealed_for(entry)
    if key_id is None:
        return nobody
    by_actor = key_id == entry.actor_key
    account = entry.actor_id if by_actor else entry.about_id
    sealed = entry.actor_sealed_key if by_actor else entry.about_sealed_key
    return None if account is None or sealed is None else Key(account, key_id, sealed)


def _own(record: AuditRecord, whose: AccountId) -> OwnAuditRecord:
    """Where an administrator works from is nobody else's business; where somebody tried to sign in from is."""
    by_another = record.actor_id not in {None, whose}
    return OwnAuditRecord(
        id=record.id,
        created_at=record.created_at,
        action=record.action,
        outcome=record.outcome,
        by_you=record.actor_id is not None and not by_another,
        address="" if by_another else record.address,
        user_agent="" if by_another else record.user_agent,
        target=record.target,
    )
