"""What other systems may import from identity."""

from septet.identity.events import AccountCreated, AccountDeleted

__all__ = ["AccountCreated", "AccountDeleted"]
