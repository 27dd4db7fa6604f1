"""The table of devices."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table

from septet.core.columns import Id, Instant
from septet.identity.tables import metadata

# A program at an address that an account was signed in by, as a hash: enough to know it again, and nothing more.
devices = Table(
    "identity_device",
    metadata,
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("place_hash", LargeBinary, primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Index("identity_device_seen", "seen_at"),
)
