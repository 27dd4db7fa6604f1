"""Organisations, and roles of one's own on the server."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey

from septet.core.columns import Id, Instant, Text

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "identity_role",
        Column("name", Text, primary_key=True),
        Column("scope", Text, nullable=False),
        Column("description", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_organisation",
        Column("id", Id, primary_key=True),
        Column("name", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    _create_parts()


def _create_parts() -> None:
    op.create_table(
        "identity_organisation_role",
        Column("organisation_id", Id, ForeignKey("identity_organisation.id"), primary_key=True),
        Column("name", Text, primary_key=True),
        Column("permissions", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_member",
        Column("organisation_id", Id, ForeignKey("identity_organisation.id"), primary_key=True),
        Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
        Column("role", Text, nullable=False),
        Column("joined_at", Instant, nullable=False),
    )
    op.create_index("identity_member_account", "identity_member", ["account_id", "organisation_id"])
    op.create_index("identity_member_role", "identity_member", ["organisation_id", "role"])
    op.create_table(
        "identity_invitation",
        Column("id", Id, primary_key=True),
        Column("organisation_id", Id, ForeignKey("identity_organisation.id"), nullable=False),
        Column("email", Text, nullable=False),
        Column("email_key", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("invited_by", Id, ForeignKey("identity_account.id")),
        Column("created_at", Instant, nullable=False),
        Column("expires_at", Instant, nullable=False),
    )
    op.create_index("identity_invitation_organisation", "identity_invitation", ["organisation_id", "id"])
    op.create_index("identity_invitation_address", "identity_invitation", ["email_key", "organisation_id"], unique=True)
    op.create_index("identity_invitation_inviter", "identity_invitation", ["invited_by"])
    op.create_index("identity_invitation_expiry", "identity_invitation", ["expires_at"])


def downgrade() -> None:
    for table in ("invitation", "member", "organisation_role", "organisation", "role"):
        op.drop_table(f"identity_{table}")
