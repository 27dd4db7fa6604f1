"""What roles of an organisation let one do, as pure functions. Whatever is not said is not allowed.

An owner may do everything, now and whatever comes. Nobody gives a role that may more than they may themselves, nor
changes what somebody may who may more than they do.
"""

from __future__ import annotations

from collections.abc import Mapping

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
EVERYTHING = "*"

MEMBERS_READ = "members:read"
MEMBERS_MANAGE = "members:manage"
ROLES_MANAGE = "roles:manage"
ORGANISATION_MANAGE = "organisation:manage"

BUILT_IN: Mapping[str, frozenset[str]] = {
    OWNER: frozenset({EVERYTHING}),
    ADMIN: frozenset({MEMBERS_READ, MEMBERS_MANAGE, ROLES_MANAGE, ORGANISATION_MANAGE}),
    MEMBER: frozenset({MEMBERS_READ}),
}


def allows(held: frozenset[str], permission: str) -> bool:
    return permission in held or EVERYTHING in held


def why_not_do(held: frozenset[str], permission: str) -> str | None:
    """Why somebody who holds these may not do what takes `permission`; None if they may."""
    return None if allows(held, permission) else f"This takes the permission {permission}."


def why_not_give(held: frozenset[str], given: frozenset[str]) -> str | None:
    """Why they may not give somebody a role that holds `given`, or take it away; None if they may."""
    if EVERYTHING in held:
        return None
    if EVERYTHING in given:
        return "Only an owner makes owners, or changes what they are."
    beyond = sorted(given - held)
    return f"Nobody gives more than they have: {' '.join(beyond)}." if beyond else None
