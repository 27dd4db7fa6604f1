"""The types of OAuth clients that go over the wire. Names are those of client registration (RFC 7591 section 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NewType
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from septet.core.types import Input, Instant, Output

ClientId = NewType("ClientId", UUID)


class ClientAuthentication(StrEnum):
    """How a client proves at the token endpoint which it is."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a word, no secret
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"  # a public client: an app, or a page, that can keep no secret

    @property
    def by_secret(self) -> bool:
        return self in {ClientAuthentication.CLIENT_SECRET_BASIC, ClientAuthentication.CLIENT_SECRET_POST}


class GrantType(StrEnum):
    """How a client may come by tokens."""

    AUTHORIZATION_CODE = "authorization_code"  # a person signs in, and says yes
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    CLIENT_CREDENTIALS = "client_credentials"  # for itself
    DEVICE_CODE = "device_code"  # a person says yes elsewhere: for what has no keyboard

    @property
    def on_the_wire(self) -> str:
        """As the token endpoint knows it."""
        device = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 section 3.4
        return device if self is GrantType.DEVICE_CODE else self.value


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


RedirectUri = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7e]+$(?!\n)",
        max_length=2000,
        description="An https address, an app's own scheme, or http on the loopback interface. It is compared exactly.",
        examples=["https://app.example.org/callback"],
    ),
]
RedirectUris = Annotated[list[RedirectUri], Meta(max_length=20)]
GrantTypes = Annotated[
    list[GrantType],
    Meta(
        min_length=1,
        max_length=4,
        description="By default authorization_code and refresh_token with redirect_uris, client_credentials without.",
    ),
]


class NewClient(Input):
    """A program that people sign in to with their account here, or that asks for itself.

    `jwks` is given for `private_key_jwt`, and only then. With `trusted`, for programs of one's own, nobody is asked
    whether they agree.
    """

    client_name: ClientName
    scope: ScopeText
    token_endpoint_auth_method: ClientAuthentication = ClientAuthentication.CLIENT_SECRET_BASIC
    redirect_uris: RedirectUris = field(default_factory=list)
    post_logout_redirect_uris: RedirectUris = field(default_factory=list)
    grant_types: GrantTypes | None = None
    trusted: bool = False
    jwks: KeySet | None = None


class ClientChanges(Input):
    """What is absent stays as it is. Tokens that are out hold no scope that was taken away."""

    client_name: ClientName | UnsetType = UNSET
    scope: ScopeText | UnsetType = UNSET
    redirect_uris: RedirectUris | UnsetType = UNSET
    post_logout_redirect_uris: RedirectUris | UnsetType = UNSET
    trusted: bool | UnsetType = UNSET
    jwks: KeySet | UnsetType = UNSET


class OAuthClient(Output):
    """A client, as administrators see it."""

    client_id: ClientId
    client_name: str
    scope: str
    token_endpoint_auth_method: ClientAuthentication
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    grant_types: list[GrantType]
    trusted: bool
    jwks: dict[str, Any] | None
    created_at: Instant


class ClientCreated(Output):
    """The client, and its secret, if it has one: shown now and never again."""

    client: OAuthClient
    client_secret: str | None


class ClientSecret(Output):
    """The new secret, shown now and never again. The one before it is void."""

    client_secret: str


class Consent(Output):
    """What you let an application do."""

    client_id: ClientId
    client_name: str
    scope: str
    granted_at: Instant
