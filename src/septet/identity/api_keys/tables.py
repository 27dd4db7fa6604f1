"""The table of API keys. A key's secret has 256 random bits; only its hash is kept."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table

from septet.core.columns import Id, Instant, Text
from septet.identity.tables import metadata

api_keys = Table(
    "identity_api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),  # null for one that never does
    Column("used_at", Instant),  # to within a few minutes
    Index("identity_api_key_account", "account_id", "id"),
    Index("identity_api_key_expiry", "expires_at"),
)
