"""Second factors, passkeys and challenges; how a session was proven and whom it is for; suspension."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary

from septet.core.columns import Id, Instant, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _accounts_and_sessions()
    _factors()


def downgrade() -> None:
    for table in ("challenge", "passkey", "recovery_code", "totp"):
        op.drop_table(f"identity_{table}")
    with op.batch_alter_table("identity_session") as batch:
        for column in ("kind", "name", "methods", "factors", "proven_at", "scope", "client_id"):
            batch.drop_column(column)
    with op.batch_alter_table("identity_account") as batch:
        batch.drop_column("suspended_at")


def _accounts_and_sessions() -> None:
    with op.batch_alter_table("identity_account") as batch:
        batch.add_column(Column("suspended_at", Instant))
        batch.alter_column("password_hash", existing_type=Text(), nullable=True)
    with op.batch_alter_table("identity_session") as batch:
        batch.add_column(Column("client_id", Id))
        batch.add_column(Column("scope", Text))
        batch.add_column(Column("proven_at", Instant))
        batch.add_column(Column("factors", Integer, nullable=False, server_default="1"))
        batch.add_column(Column("methods", Text, nullable=False, server_default="pwd"))
        batch.add_column(Column("name", Text))
        batch.add_column(Column("kind", Text, nullable=False, server_default="tokens"))
    with op.batch_alter_table("identity_verification") as batch:
        batch.drop_constraint("identity_verification_purpose", type_="check")


def _factors() -> None:
    op.create_table(
        "identity_totp",
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("sealed_seed", LargeBinary, nullable=False),
        Column("confirmed_at", Instant),
        Column("last_step", BigInteger, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_recovery_code",
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("code_hash", LargeBinary, primary_key=True),
        Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_passkey",
        Column("id", Id, primary_key=True),
        Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
        Column("credential_id", LargeBinary, nullable=False),
        Column("public_key", LargeBinary, nullable=False),
        Column("sign_count", BigInteger, nullable=False),
        Column("transports", Text, nullable=False),
        Column("backed_up", Boolean, nullable=False),
        Column("name", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("used_at", Instant),
    )
    op.create_index("identity_passkey_credential", "identity_passkey", ["credential_id"], unique=True)
    op.create_index("identity_passkey_account", "identity_passkey", ["account_id", "id"])
    op.create_table(
        "identity_challenge",
        Column("id", Id, primary_key=True),
        Column("purpose", Text, nullable=False),
        Column("account_id", Id, ForeignKey("identity_account.id")),
        Column("methods", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
    )
    op.create_index("identity_challenge_account", "identity_challenge", ["account_id"])
    op.create_index("identity_challenge_expiry", "identity_challenge", ["expires_at"])
