"""The types of OAuth clients that go over the wire. Names are those of client registration (RFC 7591 section 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NewType
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from septet.core.types import Input, Instant, Output

ClientId = NewType("ClientId", UUID)


class ClientAuthentication(StrEnum):
    """How a client proves at the token endpoint which it is."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a word, no secret
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"

    @property
    def by_secret(self) -> bool:
        return self is not ClientAuthentication.PRIVATE_KEY_JWT


ClientName = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        max_length=100,
        description="What people know the client by, on one line.",
        examples=["Nightly report"],
    ),
]
ScopeText = Annotated[
    str,
    Meta(
        pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$(?!\n)",
        max_length=2000,
        description="Scopes, divided by single spaces: all that the client may ever ask for.",
        examples=["identity:admin"],
    ),
]
KeySet = Annotated[
    dict[str, Any],
    Meta(description="The client's public keys (RFC 7517): RSA of 2048 bits or more, P-256, or Ed25519."),
]


class NewClient(Input):
    """A program that asks for itself. `jwks` is given for `private_key_jwt`, and only then."""

    client_name: ClientName
    scope: ScopeText
    token_endpoint_auth_method: ClientAuthentication = ClientAuthentication.CLIENT_SECRET_BASIC
    jwks: KeySet | None = None


class ClientChanges(Input):
    """What is absent stays as it is. Tokens that are out hold no scope that was taken away."""

    client_name: ClientName | UnsetType = UNSET
    scope: ScopeText | UnsetType = UNSET
    jwks: KeySet | UnsetType = UNSET


class OAuthClient(Output):
    """A client, as administrators see it."""

    client_id: ClientId
    client_name: str
    scope: str
    token_endpoint_auth_method: ClientAuthentication
    jwks: dict[str, Any] | None
    created_at: Instant


class ClientCreated(Output):
    """The client, and its secret, if it has one: shown now and never again."""

    client: OAuthClient
    client_secret: str | None


class ClientSecret(Output):
    """The new secret, shown now and never again. The one before it is void."""

    client_secret: str
