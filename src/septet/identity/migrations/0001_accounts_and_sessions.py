"""Accounts, their roles and sessions, verifications, revocations and the audit log."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Integer

from septet.core.columns import Id, Instant, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    _accounts()
    _sessions()
    _verifications()
    _audit()


def downgrade() -> None:
    for table in ("audit", "verification", "revocation", "session", "role_grant", "account"):
        op.drop_table(f"identity_{table}")


def _accounts() -> None:
    op.create_table(
        "identity_account",
        Column("id", Id, primary_key=True),
        Column("email", Text, nullable=False),
        Column("email_key", Text, nullable=False),
        Column("email_verified", Boolean, nullable=False),
        Column("name", Text),
        Column("locale", Text, nullable=False),
        Column("password_hash", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_index("identity_account_email_key", "identity_account", ["email_key"], unique=True)
    op.create_table(
        "identity_role_grant",
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("role", Text, primary_key=True),
        Column("granted_at", Instant, nullable=False),
    )
    op.create_index("identity_role_grant_role", "identity_role_grant", ["role", "account_id"])


def _sessions() -> None:
    op.create_table(
        "identity_session",
        Column("id", Id, primary_key=True),
        Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
        Column("counter", BigInteger, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("rotated_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
        Column("final_at", Instant, nullable=False),
        Column("address", Text, nullable=False),
        Column("user_agent", Text, nullable=False),
    )
    op.create_index("identity_session_account", "identity_session", ["account_id", "id"])
    op.create_index("identity_session_expiry", "identity_session", ["expires_at"])
    op.create_table(
        "identity_revocation",
        Column("session_id", Id, primary_key=True),
        Column("created_at", Instant, nullable=False),
        Column("until", Instant, nullable=False),
    )
    op.create_index("identity_revocation_created", "identity_revocation", ["created_at"])


def _verifications() -> None:
    op.create_table(
        "identity_verification",
        Column("id", Id, primary_key=True),
        Column("purpose", Text, nullable=False),
        Column("email", Text, nullable=False),
        Column("email_key", Text, nullable=False),
        Column("account_id", Id, ForeignKey("identity_account.id")),
        Column("name", Text),
        Column("locale", Text),
        Column("password_hash", Text),
        Column("key_id", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("sent_at", Instant),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
        CheckConstraint(
            "purpose in ('registration', 'password_reset', 'email_change')", name="identity_verification_purpose"
        ),
    )
    op.create_index("identity_verification_email", "identity_verification", ["email_key", "id"])
    op.create_index("identity_verification_account", "identity_verification", ["account_id"])
    op.create_index("identity_verification_expiry", "identity_verification", ["expires_at"])


def _audit() -> None:
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
