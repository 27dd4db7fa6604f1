"""Rows of the OAuth provider that stay inside the server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from septet.identity.oauth.types import ClientAuthentication, ClientId, OAuthClient


class ClientHeld(Struct, frozen=True):
    """A client as the export of whoever let it in shows it."""

    id: ClientId
    name: str
    created_at: datetime


class ClientRow(Struct, frozen=True):
    """A client with all that it is checked by."""

    id: ClientId
    name: str
    authentication: ClientAuthentication
    secret_hash: bytes | None
    keys: dict[str, Any] | None
    scope: str
    created_at: datetime

    @property
    def shown(self) -> OAuthClient:
        return OAuthClient(self.id, self.name, self.scope, self.authentication, self.keys, self.created_at)
