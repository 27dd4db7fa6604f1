"""Versions of what was read (RFC 9110 section 8.8): `ETag` on a reply, `If-Match` on the change that follows it.

An update that must not overwrite another's takes the header as an argument and compares in its transaction:

    note = await access_note(ctx, id)
    refuse_unless_current(if_match, note)

The tag of a compressed reply ends in `-gzip`, because other bytes need another tag; both name one version.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from septet.core.errors import Invalid, PreconditionFailed

COMPRESSED = "-gzip"
_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|\Z)')
_encode = msgspec.json.Encoder().encode


def etag_of(value: Any) -> str:
    """The strong tag that a read of `value` is answered with."""
    return etag_of_bytes(_encode(value))


def etag_of_bytes(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def refuse_unless_current(if_match: str | None, value: Any) -> None:
    """Raise PreconditionFailed if `if_match` names versions and `value` is none of them; Invalid if it is no list."""
    if if_match is None or if_match.strip() == "*":
        return
    tags = parse_tags(if_match)
    if tags is None:
        raise Invalid('If-Match is a list of tags in double quotes, or "*".', pointer="/If-Match")
    current = etag_of(value)[1:-1]
    if not any(strong and tag == current for strong, tag in tags):
        raise PreconditionFailed("This was changed since you read it.")


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether the caller already has this version: weak comparison, as `If-None-Match` wants it."""
    if if_none_match.strip() == "*":
        return True
    tags = parse_tags(if_none_match)
    return tags is not None and any(tag == etag[1:-1] for _, tag in tags)


def parse_tags(text: str) -> list[tuple[bool, str]] | None:
    """Each tag of a list with whether it is strong, without its quotes and encoding; None for what is no such list."""
    found: list[tuple[bool, str]] = []
    position = 0
    while position < len(text):
        match = _TAG.match(text, position)
        if match is None:
            return None
        found.append((match[1] is None, match[2].removesuffix(COMPRESSED)))
        position = match.end()
    return found or None
