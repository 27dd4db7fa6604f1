"""The tables of second factors. Seeds are sealed with the server's keys, recovery codes hashed; passkeys are public."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table

from septet.core.columns import Id, Instant, Text
from septet.identity.tables import metadata

totps = Table(
    "identity_totp",
    metadata,
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("sealed_seed", LargeBinary, nullable=False),
    Column("confirmed_at", Instant),  # null until its owner typed a code of it: until then it is asked of nobody
    Column("last_step", BigInteger, nullable=False),  # the time step of the last code: none works twice
    Column("created_at", Instant, nullable=False),
)

recovery_codes = Table(
    "identity_recovery_code",
    metadata,
    Column("account_id", Id, ForeignKey("identity_account.id"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
    Column("created_at", Instant, nullable=False),
)

passkeys = Table(
    "identity_passkey",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("identity_account.id"), nullable=False),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Text, nullable=False),  # divided by spaces
    Column("backed_up", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("identity_passkey_credential", "credential_id", unique=True),
    Index("identity_passkey_account", "account_id", "id"),
)

# What is asked and answered once: a second factor after the first, a passkey's signature. Deleted when answered.
challenges = Table(
    "identity_challenge",
    metadata,
    Column("id", Id, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("account_id", Id, ForeignKey("identity_account.id")),  # null while it is open who will answer
    Column("methods", Text, nullable=False),  # by which they proved themselves so far
    Column("tries", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("identity_challenge_account", "account_id"),
    Index("identity_challenge_expiry", "expires_at"),
)
