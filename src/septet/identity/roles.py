"""Roles, and the scopes that come with them."""

from __future__ import annotations

from septet.core.registry import Registry


def scope_of(registry: Registry, *, administrator: bool) -> str:
    """What a login from our own client may do, as a token's `scope` says it."""
    return " ".join(sorted(registry.scopes if administrator else registry.member_scopes))
