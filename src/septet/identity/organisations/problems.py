"""What organisations refuse."""

from __future__ import annotations

from septet.core.errors import Conflict


class LastOwner(Conflict):
    """An organisation never is without an owner. Make someone else one first, or delete it."""

    code = "last_owner"


class RoleInUse(Conflict):
    """Somebody has this role, or is invited to it. Give them another first."""

    code = "role_in_use"
