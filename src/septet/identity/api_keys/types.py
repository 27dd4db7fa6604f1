"""The types of API keys that go over the wire."""

from __future__ import annotations

from typing import Annotated, NewType
from uuid import UUID

from msgspec import Meta

from septet.core.types import Input, Instant, Output
from septet.identity.oauth.types import ScopeText

ApiKeyId = NewType("ApiKeyId", UUID)

KeyName = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        max_length=100,
        description="What you know the key by, on one line.",
        examples=["Backup script"],
    ),
]


class NewApiKey(Input):
    """A key may do no more than its scopes say, nor more than you may yourself."""

    name: KeyName
    scope: ScopeText
    expires_in_days: Annotated[int, Meta(ge=1, le=3650, description="null for a key that never expires.")] | None = 365


class ApiKey(Output):
    """A key of yours, without its secret. `begins` is how it begins, to tell keys apart."""

    id: ApiKeyId
    name: str
    begins: str
    scope: str
    created_at: Instant
    expires_at: Instant | None
    used_at: Instant | None


class ApiKeyCreated(Output):
    """The key itself, shown now and never again."""

    key: ApiKey
    api_key: str
