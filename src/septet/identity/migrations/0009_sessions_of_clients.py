"""Sessions are found by the client that has them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("identity_session_client", "identity_session", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "identity_session_client", "identity_session", ["client_id", "account_id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    op.drop_index("identity_session_client", "identity_session")
