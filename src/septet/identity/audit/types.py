"""What the audit log shows at the doors."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType
from uuid import UUID

from septet.core.types import AccountId, Instant, Int, Output

AuditRecordId = NewType("AuditRecordId", UUID)


class AuditRecord(Output):
    """Something that happened to an account.

    `actor_id` is who did it: null for the server and for nobody known. `target` is what it was done to, or by: the id
    of a key, a client or a session, or a role. What concerns an account that was erased is null and empty.
    """

    id: AuditRecordId
    created_at: Instant
    action: str
    outcome: str
    account_id: AccountId | None
    actor_id: AccountId | None
    address: str
    user_agent: str
    target: str


class OwnAuditRecord(Output):
    """Something that happened to your account. `address` and `user_agent` are empty where somebody else did it."""

    id: AuditRecordId
    created_at: Instant
    action: str
    outcome: str
    by_you: bool
    address: str
    user_agent: str
    target: str


class Fault(StrEnum):
    """What may be wrong with an entry: it is not there, it is another than it was, or it was not written here.

    `gone` is an anchor older than all that is kept: too old, or the chain was begun anew behind it.
    """

    MISSING = "missing"
    CHANGED = "changed"
    FORGED = "forged"
    GONE = "gone"


class AuditFault(Output):
    """The first place where something is wrong. What comes after it in a row is not told again."""

    number: Int
    fault: Fault


class AuditVerification(Output):
    """Whether the audit log is intact, from its entry `first` to `last`, and where not: at most 20 faults.

    `waiting` entries are yet to be put into the chain. `anchor` is its end: keep it elsewhere.
    """

    intact: bool
    first: Int
    last: Int
    waiting: Int
    anchor: str
    faults: list[AuditFault]
