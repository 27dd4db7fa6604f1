"""Secrets of clients: 256 random bits. Only a hash is kept, which for so many bits needs no slowness."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_PREFIX = "septet_cs_"


def new_secret() -> str:
    """A secret that no table holds. Its prefix lets scanners of leaked code recognise it."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, kept: bytes) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(hash_of(secret), kept)
