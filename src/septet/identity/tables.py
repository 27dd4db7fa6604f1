"""The tables of identity. Nothing that lets anybody in is stored: passwords are hashed, codes and tokens derived."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table

from septet.core.columns import Id, Instant, Text

metadata = MetaData()

accounts = Table(
    "identity_account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False),  # as its owner writes it
    Column("email_key", Text, nullable=False),  # folded, to tell addresses apart
    Column("email_verified", Boolean, nullable=False),
    Column("name", Text),
    Column("locale", Text, nullable=False),
    Column("password_hash", Text),  # null for who signs in by other means only
    Column("password_short", Boolean),  # it is long enough only beside a second factor
    Column("created_at", Instant, nullable=False),
    Column("suspended_at", Instant),
    Index("identity_account_email_key", "email_key", unique=True),
)

role_grants = Table(
    "identity_role_grant",
    metadata,
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("granted_at", Instant, nullable=False),
    Index("identity_role_grant_role", "role", "account_id"),
)

# Roles of one's own: what they may do beyond every member, as scopes divided by spaces.
roles = Table(
    "identity_role",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# A login: one row however often it is refreshed. It is deleted when it ends.
sessions = Table(
    "identity_session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
    Column("counter", BigInteger, nullable=False),  # of the refresh token that is next to be used
    Column("created_at", Instant, nullable=False),
    Column("rotated_at", Instant, nullable=False),  # when its present tokens were made
    Column("expires_at", Instant, nullable=False),  # by lack of use, or because it is final
    Column("final_at", Instant, nullable=False),  # no refresh goes beyond this
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("client_id", Id),  # the OAuth client that it is for; null for the account itself
    Column("scope", Text),  # what that client was granted; null for all that the account may
    Column("proven_at", Instant),  # when its owner last proved who they are; null for the time it was made
    Column("factors", Integer, nullable=False, server_default="1"),  # how many of them they used
    Column("methods", Text, nullable=False, server_default="pwd"),  # which, divided by spaces (RFC 8176)
    Column("name", Text),  # as its owner calls it
    Column("kind", Text, nullable=False, server_default="tokens"),  # or `browser`: it lives in a cookie
    Index("identity_session_account", "account_id", "id"),
    Index("identity_session_client", "client_id", "account_id"),
    Index("identity_session_expiry", "expires_at"),
)

# Sessions that ended while access tokens of theirs may still hold: every process looks here.
revocations = Table(
    "identity_revocation",
    metadata,
    Column("session_id", Id, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("identity_revocation_created", "created_at"),
)

# That somebody reads an address: to register, to reset a password, to change an address. Deleted once proven.
verifications = Table(
    "identity_verification",
    metadata,
    Column("id", Id, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("account_id", Id, ForeignKey("identity_account.id")),  # whose address changes
    Column("name", Text),  # this and the next two: of the account to be
    Column("locale", Text),
    Column("password_hash", Text),
    Column("key_id", Text, nullable=False),  # the secret key that its code is derived from
    Column("tries", Integer, nullable=False),
    Column("sent_at", Instant),  # null until its code was sent, and for ever if it never is
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("identity_verification_email", "email_key", "id"),
    Index("identity_verification_account", "account_id"),
    Index("identity_verification_expiry", "expires_at"),
)
