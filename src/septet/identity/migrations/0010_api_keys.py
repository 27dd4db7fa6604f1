"""API keys of persons."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey, LargeBinary

from septet.core.columns import Id, Instant, Text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "identity_api_key",
        Column("id", Id, primary_key=True),
        Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
        Column("name", Text, nullable=False),
        Column("secret_hash", LargeBinary, nullable=False),
        Column("scope", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant),
        Column("used_at", Instant),
    )
    op.create_index("identity_api_key_account", "identity_api_key", ["account_id", "id"])
    op.create_index("identity_api_key_expiry", "identity_api_key", ["expires_at"])


def downgrade() -> None:
    op.drop_table("identity_api_key")
