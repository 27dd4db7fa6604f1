"""Reading the audit log: what happened to one's own account, and for administrators to any."""

from __future__ import annotations

from msgspec.structs import astuple

from septet.core.context import Context
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page
from septet.identity import queries
from septet.identity.rows import AuditEntry
from septet.identity.types import AuditRecord, AuditRecordId, OwnAuditRecord


@operation.get("/v1/identity/me/audit", scope="identity:read")
async def list_own_audit(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[OwnAuditRecord]:
    """What happened to your account, newest first: from which address, and how it came out."""
    seen = await page(ctx, queries.audit_seen, limit, cursor, account_id=ctx.actor.id)
    return seen.showing([_own(entry) for entry in seen.items])


@operation.get("/v1/identity/accounts/{id}/audit", scope="identity:admin")
async def list_audit_of_account(
    ctx: Context, id: AccountId, limit: Limit = 20, cursor: CursorText | None = None
) -> Page[AuditRecord]:
    """What happened to an account, newest first. It is empty for one that is none, or that was erased."""
    seen = await page(ctx, queries.audit_seen, limit, cursor, account_id=id)
    return seen.showing([_shown(entry) for entry in seen.items])


@operation.get("/v1/identity/audit", scope="identity:admin")
async def list_audit(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[AuditRecord]:
    """What happened to all accounts, newest first; without names for what concerns nobody, or who was erased."""
    seen = await page(ctx, queries.all_audit, limit, cursor)
    return seen.showing([_shown(entry) for entry in seen.items])


def _shown(entry: AuditEntry) -> AuditRecord:
    return AuditRecord(AuditRecordId(entry.id), *astuple(entry)[1:])


def _own(entry: AuditEntry) -> OwnAuditRecord:
    """Where an administrator works from is nobody else's business; where somebody tried to sign in from is."""
    by_another = entry.actor_id not in {None, entry.account_id}
    return OwnAuditRecord(
        id=AuditRecordId(entry.id),
        created_at=entry.created_at,
        action=entry.action,
        outcome=entry.outcome,
        by_you=entry.actor_id is not None and not by_another,
        address="" if by_another else entry.address,
    )
