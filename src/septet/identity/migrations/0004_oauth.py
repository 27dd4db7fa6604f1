"""The OAuth provider: clients, consents, codes, devices, assertions and signing keys."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary

from septet.core.columns import Id, Instant, Json, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _clients()
    _codes()
    _keys()


def downgrade() -> None:
    for table in ("signing_key", "client_assertion", "device_code", "authorization_code", "consent", "client"):
        op.drop_table(f"identity_{table}")


def _clients() -> None:
    op.create_table(
        "identity_client",
        Column("id", Id, primary_key=True),
        Column("name", Text, nullable=False),
        Column("authentication", Text, nullable=False),
        Column("secret_hash", LargeBinary),
        Column("keys", Json),
        Column("redirect_uris", Json, nullable=False),
        Column("logout_uris", Json, nullable=False),
        Column("grant_types", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("trusted", Boolean, nullable=False),
        Column("created_by", Id),
        Column("created_at", Instant, nullable=False),
    )
    op.create_index("identity_client_maker", "identity_client", ["created_by"])
    op.create_table(
        "identity_consent",
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("client_id", Id, ForeignKey("identity_client.id"), primary_key=True),
        Column("scope", Text, nullable=False),
        Column("granted_at", Instant, nullable=False),
    )
    op.create_index("identity_consent_client", "identity_consent", ["client_id"])


def _codes() -> None:
    op.create_table(
        "identity_authorization_code",
        Column("id", Id, primary_key=True),
        Column("client_id", Id, ForeignKey("identity_client.id"), nullable=False),
        Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
        Column("redirect_uri", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("nonce", Text),
        Column("code_challenge", Text, nullable=False),
        Column("browser_session_id", Id),
        Column("proven_at", Instant, nullable=False),
        Column("methods", Text, nullable=False),
        Column("session_id", Id),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
    )
    op.create_index("identity_authorization_code_account", "identity_authorization_code", ["account_id"])
    op.create_index("identity_authorization_code_client", "identity_authorization_code", ["client_id"])
    op.create_index("identity_authorization_code_expiry", "identity_authorization_code", ["expires_at"])
    op.create_table(
        "identity_device_code",
        Column("id", Id, primary_key=True),
        Column("client_id", Id, ForeignKey("identity_client.id"), nullable=False),
        Column("scope", Text, nullable=False),
        Column("user_code", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("account_id", Id, ForeignKey("identity_account.id")),
        Column("proven_at", Instant),
        Column("methods", Text),
        Column("seconds_between", Integer, nullable=False),
        Column("polled_at", Instant),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
    )
    op.create_index("identity_device_code_user", "identity_device_code", ["user_code"], unique=True)
    op.create_index("identity_device_code_account", "identity_device_code", ["account_id"])
    op.create_index("identity_device_code_client", "identity_device_code", ["client_id"])
    op.create_index("identity_device_code_expiry", "identity_device_code", ["expires_at"])


def _keys() -> None:
    op.create_table(
        "identity_client_assertion",
        Column("client_id", Id, ForeignKey("identity_client.id"), primary_key=True),
        Column("jti_hash", LargeBinary, primary_key=True),
        Column("expires_at", Instant, nullable=False),
    )
    op.create_index("identity_client_assertion_expiry", "identity_client_assertion", ["expires_at"])
    op.create_table(
        "identity_signing_key",
        Column("key_id", Text, primary_key=True),
        Column("sealed_key", LargeBinary, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
