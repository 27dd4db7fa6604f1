"""Hashes of passwords that other programs made: bcrypt, PBKDF2 and scrypt, and Argon2 in its other dresses.

They come in by an import, and each is replaced by one of our own when its owner next signs in. What would take too
long or too much memory to check is refused when it comes, so that no line of a file slows the server down.

| kind | as | written by |
|---|---|---|
| bcrypt | `$2b$12$…`, also 2a and 2y; `bcrypt_sha256$$2b$12$…` | most, Django |
| PBKDF2 | `pbkdf2_sha256$600000$salt$base64`; `pbkdf2:sha256:600000$salt$hex` | Django; Werkzeug |
| scrypt | `scrypt$salt$16384$8$5$base64`; `scrypt:32768:8:1$salt$hex` | Django; Werkzeug |
| Argon2 | `$argon2id$v=19$m=…,t=…,p=…$…$…`; `argon2$argon2id$…` | most; Django |
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

MOST_BCRYPT_COST = 15
MOST_ITERATIONS = 2_000_000
MOST_MEMORY = 256 * 1024 * 1024  # bytes
_MOST_PASSES = 20
_BCRYPT_BYTES = 72  # beyond them bcrypt looks at nothing

_BCRYPT = re.compile(r"(bcrypt_sha256\$)?(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})\Z")
_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([^$]{1,128})\$([A-Za-z0-9+/]{1,128}={0,2})\Z")
_WERKZEUG_PBKDF2 = re.compile(r"pbkdf2:(sha1|sha256|sha512):(\d{1,9})\$([^$]{1,128})\$([0-9a-f]{2,256})\Z")
_DJANGO_SCRYPT = re.compile(r"scrypt\$([^$]{1,128})\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/]{1,128}={0,2})\Z")
_WERKZEUG_SCRYPT = re.compile(r"scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3})\$([^$]{1,128})\$([0-9a-f]{2,256})\Z")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}\Z"
)
Check = Callable[[bytes], bool]


def read_hash(text: str) -> str:
    """The hash as it is stored. Raises ValueError, saying why, for one of no known kind or beyond all bounds."""
    stored = text.removeprefix("argon2") if text.startswith("argon2$") else text
    if (found := _ARGON2.match(stored)) is not None:
        memory, passes = int(found[1]) * 1024, int(found[2])
        if memory > MOST_MEMORY or passes > _MOST_PASSES:
            raise ValueError("this hash takes too much memory or time to check")
        return stored
    if checker_of(stored) is None:
        raise ValueError("this is no hash of a known kind")
    return stored


def checker_of(stored: str) -> Check | None:
    """What checks a password against a hash that is no Argon2; None for any other. Raises ValueError beyond bounds."""
    for pattern, make in (
        (_BCRYPT, _bcrypt),
        (_DJANGO_PBKDF2, _django_pbkdf2),
        (_WERKZEUG_PBKDF2, _werkzeug_pbkdf2),
        (_DJANGO_SCRYPT, _django_scrypt),
        (_WERKZEUG_SCRYPT, _werkzeug_scrypt),
    ):
        if (found := pattern.match(stored)) is not None:
            return make(found)
    return None


def _bcrypt(found: re.Match[str]) -> Check:
    if not 4 <= int(found[3]) <= MOST_BCRYPT_COST:
        raise ValueError("this hash takes too long to check")

    def check(password: bytes) -> bool:
        import bcrypt

        if found[1]:  # Django hashes first, for whatever is long
            password = hashlib.sha256(password).hexdigest().encode()
        try:
            return bcrypt.checkpw(password[:_BCRYPT_BYTES], found[2].encode())
        except ValueError:  # a salt that is none
            return False

    return check


def _django_pbkdf2(found: re.Match[str]) -> Check:
    return _pbkdf2(found[1], found[2], found[3], _from_base64(found[4]))


def _werkzeug_pbkdf2(found: re.Match[str]) -> Check:
    return _pbkdf2(found[1], found[2], found[3], _from_hex(found[4]))


def _pbkdf2(digest: str, iterations: str, salt: str, expected: bytes) -> Check:
    if not 1 <= int(iterations) <= MOST_ITERATIONS:
        raise ValueError("this hash takes too long to check")

    def check(password: bytes) -> bool:
        made = hashlib.pbkdf2_hmac(digest, password, salt.encode(), int(iterations), len(expected))
        return hmac.compare_digest(made, expected)

    return check


def _django_scrypt(found: re.Match[str]) -> Check:
    return _scrypt(found[1], int(found[2]), int(found[3]), int(found[4]), _from_base64(found[5]))


def _werkzeug_scrypt(found: re.Match[str]) -> Check:
    return _scrypt(found[4], int(found[1]), int(found[2]), int(found[3]), _from_hex(found[5]))


def _scrypt(salt: str, n: int, r: int, p: int, expected: bytes) -> Check:
    memory = 128 * n * r
    if n < 2 or n & (n - 1) or r < 1 or p < 1 or memory * p > MOST_MEMORY:
        raise ValueError("this hash takes too much memory or time to check, or its numbers are none of scrypt's")

    def check(password: bytes) -> bool:
        most = memory * 2 + 1024 * 1024
        made = hashlib.scrypt(password, salt=salt.encode(), n=n, r=r, p=p, maxmem=most, dklen=len(expected))
        return hmac.compare_digest(made, expected)

    return check


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("this is no hash of a known kind") from None


def _from_hex(text: str) -> bytes:
    if len(text) % 2:
        raise ValueError("this is no hash of a known kind")
    return bytes.fromhex(text)
