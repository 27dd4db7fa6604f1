"""Rows of the OAuth provider that stay inside the server."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from septet.core.types import AccountId, SessionId
from septet.identity.oauth.types import ClientAuthentication, ClientId, GrantType, OAuthClient


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
    redirect_uris: list[str]
    logout_uris: list[str]
    grant_types: str
    trusted: bool

    @property
    def public(self) -> bool:
        """Whether it can keep no secret, so that anybody may say that they are it."""
        return self.authentication is ClientAuthentication.NONE

    def may(self, grant: GrantType) -> bool:
        return grant in self.grant_types.split()

    @property
    def shown(self) -> OAuthClient:
        return OAuthClient(
            client_id=self.id,
            client_name=self.name,
            scope=self.scope,
            token_endpoint_auth_method=self.authentication,
            redirect_uris=self.redirect_uris,
            post_logout_redirect_uris=self.logout_uris,
            grant_types=[GrantType(word) for word in self.grant_types.split()],
            trusted=self.trusted,
            jwks=self.keys,
            created_at=self.created_at,
        )


class CodeRow(Struct, frozen=True):
    """An authorization code with what it was given for."""

    id: UUID
    client_id: ClientId
    account_id: AccountId
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    proven_at: datetime
    methods: str
    session_id: SessionId | None  # what it was exchanged for
    expires_at: datetime


class DeviceState(StrEnum):
    """How far a device is that waits for a person."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class DeviceRow(Struct, frozen=True):
    """A device that waits for its owner to say yes elsewhere."""

    id: UUID
    client_id: ClientId
    client_name: str
    scope: str
    state: DeviceState
    account_id: AccountId | None  # who answered
    proven_at: datetime | None
    methods: str | None
    seconds_between: int
    polled_at: datetime | None
    expires_at: datetime


class GivenHeld(Struct, frozen=True):
    """A code that waits to be exchanged, as the export of whoever it speaks for shows it."""

    client_id: ClientId
    scope: str
    created_at: datetime


class ConsentHeld(Struct, frozen=True):
    """What an account's owner let a client do."""

    client_id: ClientId
    client_name: str
    scope: str
    granted_at: datetime


class SigningKeyRow(Struct, frozen=True):
    """An RSA key, sealed by the secret key that it is named after."""

    key_id: str
    sealed_key: bytes
