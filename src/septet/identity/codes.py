"""Codes and links in mails: derived from the verification's id, so that none of them is stored anywhere.

A code has eight digits and five tries (`code_tries`), and an address gets ten mails with codes in an hour
(`code_mails`): whoever guesses has one chance in two million an hour, from however many addresses. A link's token
has 256 bits and needs no such care.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from septet.core.keys import Keyring
from septet.identity.types import VerificationId

CODE_DIGITS = 8


def code_of(keys: Keyring, verification: VerificationId, key_id: str) -> str:
    """The digits to type. Raises KeyError for a key that is no longer in the ring."""
    number = int.from_bytes(_digest(keys, "identity.code", verification, key_id), "big")
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def link_token_of(keys: Keyring, verification: VerificationId, key_id: str) -> str:
    """What the link carries. Raises KeyError for a key that is no longer in the ring."""
    digest = _digest(keys, "identity.link", verification, key_id)
    return f"{key_id}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def is_link_token(keys: Keyring, verification: VerificationId, token: str) -> bool:
    """Whether this is the token of that verification's link; told without looking into the database."""
    key_id = token.partition("-")[0]
    if key_id not in keys.ids:
        return False
    return same(link_token_of(keys, verification, key_id), token)


def same(expected: str, presented: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return hmac.compare_digest(expected.encode(), presented.encode())


def _digest(keys: Keyring, purpose: str, verification: VerificationId, key_id: str) -> bytes:
    return hmac.digest(keys.derive(purpose, key_id), verification.bytes, hashlib.sha256)
