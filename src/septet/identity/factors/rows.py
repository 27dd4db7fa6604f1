"""Rows of second factors that stay inside the server."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from septet.core.types import AccountId


class ChallengePurpose(StrEnum):
    """What is to be answered."""

    SECOND_FACTOR = "second_factor"
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    STEP_UP = "step_up"


class TotpRow(Struct, frozen=True):
    sealed_seed: bytes
    confirmed_at: datetime | None
    last_step: int


class Factors(Struct, frozen=True):
    """Which second factors an account has."""

    totp: bool
    recovery_code: bool
    passkey: bool


class RecoveryCodeHeld(Struct, frozen=True):
    """A recovery code as an export shows it: that there is one."""

    created_at: datetime


class TotpHeld(Struct, frozen=True):
    """An authenticator app as an export shows it."""

    confirmed_at: datetime | None
    created_at: datetime


class ChallengeHeld(Struct, frozen=True):
    """A challenge as an export shows it."""

    purpose: ChallengePurpose
    created_at: datetime
    expires_at: datetime


class Challenge(Struct, frozen=True):
    """A challenge that is open. `methods` are those proven before it."""

    id: UUID
    purpose: ChallengePurpose
    account_id: AccountId | None
    methods: str
    created_at: datetime
    expires_at: datetime


class PasskeyRow(Struct, frozen=True):
    """A passkey as its signatures are checked by it."""

    id: UUID
    account_id: AccountId
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: str
