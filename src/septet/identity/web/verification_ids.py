"""Ids that a form carries along."""

from __future__ import annotations

from uuid import UUID

from septet.core.errors import NotFound
from septet.identity.types import VerificationId


def read_verification_id(text: str | None) -> VerificationId:
    """Raises NotFound for what is none."""
    try:
        return VerificationId(UUID(text or ""))
    except ValueError:
        raise NotFound("This form is no longer known. Begin again.") from None
