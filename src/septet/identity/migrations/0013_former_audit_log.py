"""The former audit log, which nothing writes any more."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column

from septet.core.columns import Id, Instant, Text

revision = "0013"
down_revision = "0012"
contract = True
contracts = "0012"


def upgrade() -> None:
    op.drop_table("identity_audit")


def downgrade() -> None:
    op.create_table(
        "identity_audit",
        Column("id", Id, primary_key=True),
        Column("created_at", Instant, nullable=False),
        Column("action", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("account_id", Id),
        Column("actor_id", Id),
        Column("address", Text, nullable=False),
    )
    op.create_index("identity_audit_account", "identity_audit", ["account_id", "id"])
    op.create_index("identity_audit_actor", "identity_audit", ["actor_id", "id"])
    op.create_index("identity_audit_created", "identity_audit", ["created_at"])
