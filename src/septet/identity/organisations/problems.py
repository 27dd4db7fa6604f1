"""What organisations refuse."""

from __future__ import annotations

from septet.core.errors import Conflict


class LastOwner(Conflict):
    """An organisation never is without an owner. Make someone else one first, or delete it."""

    code = "last_owner"
