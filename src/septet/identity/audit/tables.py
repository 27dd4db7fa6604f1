"""The tables of the audit log. Entries hold no account's id: only the key that a person is known by there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from septet.core.columns import Id, Instant, Text
from septet.identity.tables import metadata

entries = Table(
    "identity_audit_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", BigInteger),  # its place in the chain; null for the seconds until it is put there
    Column("created_at", Instant, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("about_key", Id),  # whom it is about; null where there is no such account
    Column("actor_key", Id),  # who did it; null for one who is not signed in, and for the server
    Column("sealed_details", LargeBinary, nullable=False),
    Column("hash", LargeBinary),
    Index("identity_audit_entry_number", "number", "id"),
    Index("identity_audit_entry_about", "about_key", "id"),
    Index("identity_audit_entry_actor", "actor_key", "id"),
)

# One for each account that the log tells of, and one for nobody. Without its row, entries tell nothing of anybody.
keys = Table(
    "identity_audit_key",
    metadata,
    Column("account_id", Id, primary_key=True),
    Column("id", Id, nullable=False),  # random: it tells nothing once this row is gone
    Column("sealed_key", LargeBinary, nullable=False),
    Index("identity_audit_key_id", "id", unique=True),
)

# One row: how far the chain reaches.
chain = Table(
    "identity_audit_chain",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sealed_state", LargeBinary, nullable=False),
)
