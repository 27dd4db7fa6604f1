"""The tables of the OAuth provider. Codes and tokens are derived, so none is stored; secrets of clients are hashed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table

from septet.core.columns import Id, Instant, Json, Text
from septet.identity.tables import metadata

clients = Table(
    "identity_client",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("authentication", Text, nullable=False),  # by RFC 7591: `none` for a public one
    Column("secret_hash", LargeBinary),
    Column("keys", Json),  # its public keys, for private_key_jwt: a JSON Web Key Set
    Column("redirect_uris", Json, nullable=False),
    Column("logout_uris", Json, nullable=False),
    Column("grant_types", Text, nullable=False),  # divided by spaces
    Column("scope", Text, nullable=False),  # all that it may ever ask for, or have for itself
    Column("trusted", Boolean, nullable=False),  # one's own: nobody is asked for consent
    Column("created_by", Id),  # the administrator's account; null once that is erased
    Column("created_at", Instant, nullable=False),
    Index("identity_client_maker", "created_by"),
)

# What an account's owner let a client do, until they take it back.
consents = Table(
    "identity_consent",
    metadata,
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("client_id", Id, ForeignKey("identity_client.id"), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("granted_at", Instant, nullable=False),
    Index("identity_consent_client", "client_id"),
)

# A code is its row's id with a MAC. A used one stays until it expires, so that a replay ends what it gave.
codes = Table(
    "identity_authorization_code",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client_id", Id, ForeignKey("identity_client.id"), nullable=False),
    Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("nonce", Text),
    Column("code_challenge", Text, nullable=False),
    Column("browser_session_id", Id),  # the login that it was given in
    Column("proven_at", Instant, nullable=False),
    Column("methods", Text, nullable=False),
    Column("session_id", Id),  # what it was exchanged for; null until it is used
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("identity_authorization_code_account", "account_id"),
    Index("identity_authorization_code_client", "client_id"),
    Index("identity_authorization_code_expiry", "expires_at"),
)

# A device that waits for its owner to type `user_code` elsewhere (RFC 8628).
device_codes = Table(
    "identity_device_code",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client_id", Id, ForeignKey("identity_client.id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("user_code", Text, nullable=False),
    Column("state", Text, nullable=False),  # pending, approved, denied
    Column("account_id", Id, ForeignKey("identity_account.id")),  # who answered
    Column("proven_at", Instant),
    Column("methods", Text),
    Column("seconds_between", Integer, nullable=False),  # that it must leave between two polls
    Column("polled_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("identity_device_code_user", "user_code", unique=True),
    Index("identity_device_code_account", "account_id"),
    Index("identity_device_code_client", "client_id"),
    Index("identity_device_code_expiry", "expires_at"),
)

# Assertions of clients that were used (RFC 7523): each works once.
assertions = Table(
    "identity_client_assertion",
    metadata,
    Column("client_id", Id, ForeignKey("identity_client.id"), primary_key=True),
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("identity_client_assertion_expiry", "expires_at"),
)

# RSA keys, which clients expect ID tokens to be signed with, one for each of the server's secret keys that seals it.
signing_keys = Table(
    "identity_signing_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    info={"small": "a row a secret key of the server"},
)
