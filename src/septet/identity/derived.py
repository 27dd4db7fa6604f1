"""Tokens that are derived instead of stored: what one says, with a MAC over it.

So a leaked database lets nobody in, and a forged token costs no query. The key's id goes along, so a token holds for
as long as the key that made it is in the ring.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from msgspec import Struct

from septet.core.keys import Keyring

_MAC_BYTES = 32


class Kind(Struct, frozen=True):
    """What a token is for: none can be taken for another. Its prefix lets scanners of leaked text recognise it."""

    prefix: str
    purpose: str


def make(keys: Keyring, kind: Kind, body: bytes, key_id: str | None = None) -> str:
    """The token that says `body`: the same whenever it is made."""
    key_id = key_id or keys.current
    signed = bytes([len(key_id)]) + key_id.encode() + body
    mac = hmac.digest(keys.derive(kind.purpose, key_id), signed, hashlib.sha256)
    return kind.prefix + base64.urlsafe_b64encode(signed + mac).decode().rstrip("=")


def read(keys: Keyring, kind: Kind, token: str) -> bytes | None:
    """What a token of this kind says, or None if this server never made it."""
    encoded = token.removeprefix(kind.prefix)
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        key_id = raw[1 : 1 + raw[0]].decode("ascii")
        body = raw[1 + raw[0] : -_MAC_BYTES]
        genuine = make(keys, kind, body, key_id)
    except (binascii.Error, ValueError, IndexError, KeyError):
        return None
    return body if hmac.compare_digest(genuine.encode(), token.encode()) else None
