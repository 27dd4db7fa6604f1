"""The table of accounts that people have elsewhere and sign in with. No token of theirs is kept."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table

from septet.core.columns import Id, Instant, Text
from septet.identity.tables import metadata

provider_accounts = Table(
    "identity_provider_account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),  # who they are there, for ever
    Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
    Column("email", Text, nullable=False),  # as it was there when the two were linked
    Column("linked_at", Instant, nullable=False),
    Index("identity_provider_account_subject", "issuer", "subject", unique=True),
    Index("identity_provider_account_owner", "account_id", "id"),
)
