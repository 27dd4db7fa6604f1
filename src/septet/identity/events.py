"""What identity announces."""

from __future__ import annotations

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
