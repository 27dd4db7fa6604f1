"""Rows of the audit log as queries give them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from septet.core.types import AccountId


class Key(Struct, frozen=True):
    """What a person's entries are sealed with, itself sealed with the server's keys."""

    account_id: AccountId
    id: UUID
    sealed_key: bytes


class Entry(Struct, frozen=True):
    """An entry as it is stored: what the chain is made of."""

    id: UUID
    number: int | None
    created_at: datetime
    action: str
    outcome: str
    about_key: UUID | None
    actor_key: UUID | None
    sealed_details: bytes
    hash: bytes | None


class EntrySeen(Struct, frozen=True):
    """An entry with the keys that it names. Those of who was erased are gone."""

    id: UUID
    created_at: datetime
    action: str
    outcome: str
    about_key: UUID | None
    actor_key: UUID | None
    sealed_details: bytes
    about_id: AccountId | None
    about_sealed_key: bytes | None
    actor_id: AccountId | None
    actor_sealed_key: bytes | None


class Details(Struct, frozen=True, array_like=True):
    """What is sealed: from where, with what, and which thing it was done to."""

    address: str
    user_agent: str
    target: str


class SealedState(Struct, frozen=True):
    sealed_state: bytes
