"""Rows that stay inside the server: what queries give and no door shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from septet.core.types import AccountId, SessionId
from septet.identity.types import Account, VerificationId


class Purpose(StrEnum):
    """What a verification is for."""

    REGISTRATION = "registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a word, no password
    EMAIL_CHANGE = "email_change"
    SIGN_IN = "sign_in"


class SessionKind(StrEnum):
    """How a session is carried: by tokens, or by a browser's cookie."""

    TOKENS = "tokens"
    BROWSER = "browser"


class Found(Struct, frozen=True):
    """That there is such a row, and which."""

    id: UUID


class Counted(Struct, frozen=True):
    number: int


class Holder(Struct, frozen=True):
    """An account with what signing in must know of it."""

    id: AccountId
    email: str
    email_verified: bool
    name: str | None
    locale: str
    created_at: datetime
    password_hash: str | None
    suspended_at: datetime | None
    administrator: bool
    second_factor: bool  # whether there is one to be asked for
    role_scopes: str | None  # of its roles, divided by spaces

    @property
    def account(self) -> Account:
        return Account(self.id, self.email, self.email_verified, self.name, self.locale, self.created_at)


class SessionRow(Struct, frozen=True):
    """A session as its tokens are made from it."""

    id: SessionId
    account_id: AccountId
    counter: int
    rotated_at: datetime
    expires_at: datetime
    proven_at: datetime
    factors: int
    methods: str
    client_id: UUID | None
    scope: str | None
    kind: SessionKind


class SessionSeen(Struct, frozen=True):
    """A session as its owner sees it."""

    id: SessionId
    name: str | None
    created_at: datetime
    rotated_at: datetime
    address: str
    user_agent: str


class Revocation(Struct, frozen=True):
    session_id: SessionId
    until: datetime


class Verification(Struct, frozen=True):
    """A verification, with the account to be where it is a registration."""

    id: VerificationId
    purpose: Purpose
    email: str
    email_key: str
    account_id: AccountId | None
    name: str | None
    locale: str | None
    password_hash: str | None
    key_id: str
    sent_at: datetime | None
    expires_at: datetime


class VerificationHeld(Struct, frozen=True):
    """A verification as an export shows it."""

    id: VerificationId
    purpose: Purpose
    email: str
    name: str | None
    locale: str | None
    sent_at: datetime | None
    created_at: datetime
    expires_at: datetime


class RoleGrant(Struct, frozen=True):
    role: str
    granted_at: datetime
