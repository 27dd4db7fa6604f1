"""The types of signing in with others that go over the wire, and what a provider tells."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

from msgspec import Struct

from septet.core.types import Instant, Output

ProviderAccountId = NewType("ProviderAccountId", UUID)


class ProviderAccount(Output):
    """An account of yours elsewhere that signs you in here."""

    id: ProviderAccountId
    issuer: str
    email: str
    linked_at: Instant


class Told(Struct, frozen=True):
    """Who somebody is, as a provider says and signs."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    locale: str | None
