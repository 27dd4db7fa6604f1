"""Accounts that people have elsewhere and sign in with."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey

from septet.core.columns import Id, Instant, Text

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "identity_provider_account",
        Column("id", Id, primary_key=True),
        Column("issuer", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
        Column("email", Text, nullable=False),
        Column("linked_at", Instant, nullable=False),
    )
    op.create_index(
        "identity_provider_account_subject", "identity_provider_account", ["issuer", "subject"], unique=True
    )
    op.create_index("identity_provider_account_owner", "identity_provider_account", ["account_id", "id"])


def downgrade() -> None:
    op.drop_table("identity_provider_account")
