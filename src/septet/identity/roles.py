"""Roles, and the scopes that come with them."""

from __future__ import annotations

from septet.core.registry import Registry
from septet.identity.rows import Holder


def scope_of(registry: Registry, holder: Holder) -> str:
    """What a login from our own client may do, as a token's `scope` says it.

    Every member has the scopes that are for members, an administrator has all; roles of one's own add theirs.
    """
    if holder.administrator:
        return " ".join(sorted(registry.scopes))
    own = {scope for scope in (holder.role_scopes or "").split() if scope in registry.scopes}
    return " ".join(sorted({*registry.member_scopes, *own}))
