"""The tables of organisations."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table

from septet.core.columns import Id, Instant, Text
from septet.identity.tables import metadata

organisations = Table(
    "identity_organisation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# Roles of one organisation's own. Those that every one has are in `permissions.py`.
organisation_roles = Table(
    "identity_organisation_role",
    metadata,
    Column("organisation_id", Id, ForeignKey("identity_organisation.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),  # divided by spaces
    Column("created_at", Instant, nullable=False),
)

members = Table(
    "identity_member",
    metadata,
    Column("organisation_id", Id, ForeignKey("identity_organisation.id"), primary_key=True),
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("joined_at", Instant, nullable=False),
    Index("identity_member_account", "account_id", "organisation_id"),
    Index("identity_member_role", "organisation_id", "role"),
)

# Whoever proves to read the address may accept. One waits for an address and an organisation.
invitations = Table(
    "identity_invitation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organisation_id", Id, ForeignKey("identity_organisation.id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("invited_by", Id, ForeignKey("identity_account.id")),  # null once that account is erased
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("identity_invitation_organisation", "organisation_id", "id"),
    Index("identity_invitation_address", "email_key", "organisation_id", unique=True),
    Index("identity_invitation_inviter", "invited_by"),
    Index("identity_invitation_expiry", "expires_at"),
)
