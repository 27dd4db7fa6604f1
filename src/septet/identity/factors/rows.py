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


class Challenge(Struct, frozen=True):
    """A challenge that is open. `methods` are those proven before it."""

    id: UUID
    purpose: ChallengePurpose
    account_id: AccountId | None
    methods: str
    created_at: datetime
    expires_at: datetime
