"""Rows of organisations that stay inside the server."""

from __future__ import annotations

from msgspec import Struct

from septet.core.types import AccountId
from septet.identity.organisations.permissions import BUILT_IN
from septet.identity.organisations.types import InvitationId, OrganisationId


class MembershipRow(Struct, frozen=True):
    """A member, with what a role of the organisation's own lets them do; None for a built-in one."""

    organisation_id: OrganisationId
    account_id: AccountId
    role: str
    permissions: str | None

    @property
    def held(self) -> frozenset[str]:
        """All that they may do there."""
        return BUILT_IN.get(self.role) or frozenset((self.permissions or "").split())


class RoleRow(Struct, frozen=True):
    name: str
    permissions: str


class MemberId(Struct, frozen=True):
    account_id: AccountId


class InvitationRow(Struct, frozen=True):
    id: InvitationId
    organisation_id: OrganisationId
    role: str


class InvitationHeld(Struct, frozen=True):
    """As an export shows it."""

    id: InvitationId
    organisation_id: OrganisationId
    role: str
