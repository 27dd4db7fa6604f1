"""Rows of API keys that stay inside the server."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from septet.core.types import AccountId
from septet.identity.api_keys.secrets import beginning_of
from septet.identity.api_keys.types import ApiKey, ApiKeyId


class ApiKeyRow(Struct, frozen=True):
    """A key with all that it is checked by."""

    id: ApiKeyId
    account_id: AccountId
    name: str
    secret_hash: bytes
    scope: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    @property
    def shown(self) -> ApiKey:
        begins = beginning_of(self.id)
        return ApiKey(self.id, self.name, begins, self.scope, self.created_at, self.expires_at, self.used_at)
