"""What an API key looks like: a prefix, its id, 256 random bits and a checksum, in hexadecimal.

By prefix and checksum, scanners of leaked text recognise one without asking anybody; by its id it is found without its
secret being anywhere but in its hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from uuid import UUID

from septet.identity.api_keys.types import ApiKeyId

PREFIX = "septet_ak_"
_FORM = re.compile(PREFIX + r"([0-9a-f]{32})([0-9a-f]{64})([0-9a-f]{8})\Z", re.ASCII)
_SHOWN = 12  # digits of the id


def new_key(id: ApiKeyId) -> str:
    said = id.hex + secrets.token_hex(32)
    return PREFIX + said + _checksum(said)


def read_id(key: str) -> ApiKeyId | None:
    """The id of what has the form of a key, or None."""
    found = _FORM.match(key)
    if found is None or _checksum(found[1] + found[2]) != found[3]:
        return None
    return ApiKeyId(UUID(found[1]))


def hash_of(key: str) -> bytes:
    """For so many random bits, a hash needs no slowness."""
    return hashlib.sha256(key.encode()).digest()


def beginning_of(id: ApiKeyId) -> str:
    return PREFIX + id.hex[:_SHOWN]


def _checksum(said: str) -> str:
    return f"{zlib.crc32(said.encode()):08x}"
