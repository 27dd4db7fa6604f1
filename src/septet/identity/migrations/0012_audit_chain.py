"""The audit log, chained and sealed. The entries of the former one are not taken over: no release wrote any."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary

from septet.core.columns import Id, Instant, Text

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "identity_audit_entry",
        Column("id", Id, primary_key=True),
        Column("number", BigInteger),
        Column("created_at", Instant, nullable=False),
        Column("action", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("about_key", Id),
        Column("actor_key", Id),
        Column("sealed_details", LargeBinary, nullable=False),
        Column("hash", LargeBinary),
    )
    op.create_index("identity_audit_entry_number", "identity_audit_entry", ["number", "id"])
    op.create_index("identity_audit_entry_about", "identity_audit_entry", ["about_key", "id"])
    op.create_index("identity_audit_entry_actor", "identity_audit_entry", ["actor_key", "id"])
    op.create_table(
        "identity_audit_key",
        Column("account_id", Id, primary_key=True),
        Column("id", Id, nullable=False),
        Column("sealed_key", LargeBinary, nullable=False),
    )
    op.create_index("identity_audit_key_id", "identity_audit_key", ["id"], unique=True)
    op.create_table(
        "identity_audit_chain",
        Column("id", Id, primary_key=True),
        Column("sealed_state", LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("identity_audit_chain")
    op.drop_table("identity_audit_key")
    op.drop_table("identity_audit_entry")
