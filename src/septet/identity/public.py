"""What other systems may import from identity."""

from septet.identity.events import AccountCreated, AccountDeleted, MemberLeft, OrganisationDeleted
from septet.identity.organisations.membership import membership, reachable_membership, why_not
from septet.identity.organisations.types import OrganisationId

__all__ = [
    "AccountCreated",
    "AccountDeleted",
    "MemberLeft",
    "OrganisationDeleted",
    "OrganisationId",
    "membership",
    "reachable_membership",
    "why_not",
]
