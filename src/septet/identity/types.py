"""The types of identity that go over the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NewType
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from septet.core.types import AccountId, Count, Input, Instant, Output, SessionId
from septet.identity.addresses import LONGEST_ADDRESS

VerificationId = NewType("VerificationId", UUID)

Email = Annotated[
    str, Meta(min_length=3, max_length=LONGEST_ADDRESS, description="An e-mail address.", examples=["ada@example.org"])
]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        max_length=100,
        description="What to call the person, on one line.",
        examples=["Ada"],
    ),
]
Locale = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$(?!\n)",
        max_length=35,
        description="A language tag (BCP 47).",
        examples=["en", "de-AT"],
    ),
]
Password = Annotated[str, Meta(min_length=1, max_length=256, description="Any characters at all.")]
NewPassword = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=256,
        description="At least 15 characters, 8 beside a second factor, unless set otherwise; nothing easily guessed.",
        examples=["correct horse battery staple"],
    ),
]
Code = Annotated[str, Meta(pattern="^[0-9]{8}$", description="The eight digits in the mail.", examples=["01234567"])]
LinkToken = Annotated[
    str, Meta(min_length=1, max_length=128, description="What follows the full stop in the link in the mail.")
]

RoleName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,39}$(?!\n)",
        description="A role: small letters, digits, - and _.",
        examples=["editor"],
    ),
]
DEFAULT_LOCALE = "en"


class Role(StrEnum):
    """What an account is besides a member."""

    ADMINISTRATOR = "administrator"


class ServerRole(Output):
    """A role of this server's own: what who has it may do beyond every member, as scopes divided by spaces."""

    name: str
    scope: str
    description: str


class ServerRoleChange(Input):
    scope: Annotated[str, Meta(min_length=1, max_length=2000, description="Scopes, divided by spaces.")]
    description: Annotated[str, Meta(max_length=500, description="What the role is for.")] = ""


class RoleHeld(Output):
    """A role that an account has, and since when."""

    role: str
    granted_at: Instant


class Account(Output):
    """An account, as its owner and administrators see it. Nobody else does."""

    id: AccountId
    email: str
    email_verified: bool
    name: str | None
    locale: str
    created_at: Instant


class SessionReply(Output):
    """Signed in: an access token to send along with calls, and a refresh token to get the next two with, once."""

    access_token: str
    token_type: str
    expires_in: Count
    refresh_token: str
    refresh_expires_in: Count
    scope: str
    session_id: SessionId
    account: Account


class SignedUp(SessionReply, tag_field="result", tag="signed_in"):
    """The account is there and signed in: the server asks for no verification."""


class VerificationSent(Output, tag_field="result", tag="verification_sent"):
    """A mail went to the address. Send its code with this id to `/v1/identity/verifications`."""

    verification_id: VerificationId
    expires_in: Count


class ProofSent(Output):
    """A mail went to the address, if it is what it must be. Send its code to this id."""

    id: VerificationId
    expires_in: Count


class NewAccount(Input):
    email: Email
    password: NewPassword
    name: Name | None = None
    locale: Locale = DEFAULT_LOCALE


class Credentials(Input):
    email: Email
    password: Password


class RefreshToken(Input):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=512)]


class VerificationProof(Input):
    """The code typed from the mail; or the token of its link, with a password.

    Somebody else may have begun this registration in your name, and a link opens anywhere. So one who comes by
    the link chooses the password then and there; it replaces the one given at registration.
    """

    verification_id: VerificationId
    code: Code | None = None
    token: LinkToken | None = None
    password: NewPassword | None = None


class AddressOnly(Input):
    email: Email


class SignInCode(Input):
    """The code, or the token of the link, in the mail."""

    code: Code | None = None
    token: LinkToken | None = None


class PasswordResetProof(Input):
    """The new password, with the code or the token of the link in the mail."""

    password: NewPassword
    code: Code | None = None
    token: LinkToken | None = None


class EmailChange(Input):
    """The password is asked of whoever has one."""

    email: Email
    current_password: Password | None = None


class EmailChangeProof(Input):
    """The code in the mail to the new address."""

    code: Code


class PasswordChange(Input):
    current_password: Password
    new_password: NewPassword


class MeChanges(Input):
    """What is absent stays as it is."""

    name: Name | UnsetType | None = UNSET
    locale: Locale | UnsetType = UNSET


class Export(Output):
    """All that is held about a person, by system and table."""

    account_id: AccountId
    exported_at: Instant
    systems: dict[str, dict[str, Any]]


class Suspension(Output):
    """Whether an account is suspended: null if not."""

    suspended_at: Instant | None


class Session(Output):
    """One login: where and with what, and when it was last heard of. `device` is what its program seems to be."""

    id: SessionId
    name: str | None
    device: str
    created_at: Instant
    last_seen_at: Instant
    address: str
    user_agent: str
    current: bool


class SessionChanges(Input):
    name: Name | None


class FirstAdministrator(Input):
    """The token is in the link that the server prints when it starts without an administrator."""

    token: LinkToken
    email: Email
    password: NewPassword
    name: Name | None = None
