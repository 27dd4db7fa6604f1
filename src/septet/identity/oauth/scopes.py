"""Scopes of OpenID Connect, beside those of operations, and what of its scopes a client has at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from septet.core.registry import Registry
from septet.identity.roles import scope_of
from septet.identity.rows import Holder

OPENID = "openid"
OPENID_SCOPES: Mapping[str, str] = {  # OpenID Connect Core sections 5.4 and 11
    OPENID: "Know that it is you.",
    "profile": "Read your name and your language.",
    "email": "Read your e-mail address.",
    "offline_access": "Stay connected while you are away.",
}


def granted_now(registry: Registry, wanted: Iterable[str], holder: Holder) -> list[str]:
    """Of the scopes that a client was granted, those that the account itself has, now."""
    theirs = {*scope_of(registry, holder).split(), *OPENID_SCOPES}
    return [word for word in dict.fromkeys(wanted) if word in theirs]


def described(registry: Registry, scopes: Iterable[str]) -> list[str]:
    """What the scopes let a client do, in words."""
    return [OPENID_SCOPES.get(word) or registry.scopes[word].description for word in scopes]
