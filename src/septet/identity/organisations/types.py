"""Organisations as they go over the wire."""

from __future__ import annotations

from typing import Annotated, NewType
from uuid import UUID

from msgspec import Meta

from septet.core.types import AccountId, Input, Instant, Output
from septet.identity.types import Email, RoleName

OrganisationId = NewType("OrganisationId", UUID)
InvitationId = NewType("InvitationId", UUID)

OrganisationName = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        max_length=100,
        description="What the organisation is called, on one line.",
        examples=["Analytical Engines"],
    ),
]
Permissions = Annotated[
    str,
    Meta(
        pattern=r"^([a-z][a-z0-9_.:-]{0,63}( |$(?!\n)))+$(?!\n)",
        max_length=2000,
        description="Permissions, divided by spaces. Systems, and programs of yours, decide what each lets one do.",
        examples=["members:read articles:publish"],
    ),
]


class NewOrganisation(Input):
    name: OrganisationName


class Organisation(Output):
    """An organisation that you are a member of, and as what."""

    id: OrganisationId
    name: str
    created_at: Instant
    role: str


class Member(Output):
    """A member, as every other sees them."""

    account_id: AccountId
    name: str | None
    role: str
    joined_at: Instant


class MemberRole(Input):
    role: RoleName


class RolePermissions(Input):
    permissions: Permissions


class OrganisationRole(Output):
    """A role of an organisation. `built_in` ones are the same in every one."""

    name: str
    permissions: str
    built_in: bool


class NewInvitation(Input):
    email: Email
    role: RoleName = "member"


class Invitation(Output):
    """An invitation, as those who may invite see it."""

    id: InvitationId
    email: str
    role: str
    created_at: Instant
    expires_at: Instant


class OwnInvitation(Output):
    """An invitation to you."""

    id: InvitationId
    organisation_id: OrganisationId
    organisation_name: str
    role: str
    expires_at: Instant
