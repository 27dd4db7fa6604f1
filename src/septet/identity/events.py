"""What identity announces."""

from __future__ import annotations

from uuid import UUID

from septet.core.events import Event
from septet.core.types import AccountId


class AccountCreated(Event):
    """An account can be used from now on."""

    ordered_by = "account_id"
    account_id: AccountId


class AccountDeleted(Event):
    """An account is gone. Whatever else is held about the person goes too."""

    ordered_by = "account_id"
    account_id: AccountId


class OrganisationDeleted(Event):
    """An organisation is gone: whatever is held for it goes, too."""

    ordered_by = "organisation_id"
    organisation_id: UUID


class MemberLeft(Event):
    """Somebody is no member any more: they left, were removed, or their account is gone."""

    ordered_by = "organisation_id"
    organisation_id: UUID
    account_id: AccountId
