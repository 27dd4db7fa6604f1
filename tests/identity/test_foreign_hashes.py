"""Hashes that other programs made: each kind is checked, replaced at the next sign-in, and bounded."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import bcrypt
import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from septet.identity.foreign_hashes import checker_of, read_hash
from septet.identity.imports import import_accounts, read_line
from septet.identity.problems import InvalidCredentials
from support.people import ADA, PASSWORD, front_door, sign_in
from support.sql import execute

_RAW = PASSWORD.encode()
_B64 = base64.b64encode(hashlib.pbkdf2_hmac("sha256", _RAW, b"salt", 1000)).decode()
_SCRYPT = hashlib.scrypt(_RAW, salt=b"salt", n=1024, r=8, p=1, dklen=64)
_SALT = b"$2b$04$" + b"abcdefghijklmnopqrstuu"
_BCRYPT = bcrypt.hashpw(_RAW, _SALT).decode()
_ARGON2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=Type.I).hash(_RAW, salt=b"a salt of sixteen")
KINDS = {
    "bcrypt": _BCRYPT,
    "bcrypt of PHP": _BCRYPT.replace("$2b$", "$2y$"),
    "bcrypt of Django": "bcrypt_sha256$" + bcrypt.hashpw(hashlib.sha256(_RAW).hexdigest().encode(), _SALT).decode(),
    "PBKDF2 of Django": f"pbkdf2_sha256$1000$salt${_B64}",
    "PBKDF2 of Werkzeug": f"pbkdf2:sha256:1000$salt${base64.b64decode(_B64).hex()}",
    "scrypt of Django": f"scrypt$salt$1024$8$1${base64.b64encode(_SCRYPT).decode()}",
    "scrypt of Werkzeug": f"scrypt:1024:8:1$salt${_SCRYPT.hex()}",
    "Argon2": _ARGON2,
    "Argon2 of Django": f"argon2{_ARGON2}",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_its_password_signs_in_and_it_is_replaced(database_url: str, tmp_path: Path, kind: str) -> None:
    async with front_door(database_url, tmp_path) as septet:
        line = f'{{"email": "{ADA}", "password_hash": "{KINDS[kind]}", "name": "Ada", "email_verified": true}}'
        ready = read_line(line.encode())
        assert await septet.runtime.context().write(import_accounts, [ready]) == 1
        assert await septet.runtime.context().write(import_accounts, [ready]) == 0
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, "wrong horse battery")
        assert (await sign_in(septet, ADA)).account.name == "Ada"
        ((stored,),) = execute(database_url, "SELECT password_hash FROM identity_account")
        assert stored.startswith("$argon2id$")
        await sign_in(septet, ADA)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, "wrong horse battery")


TOO_MUCH = [
    _BCRYPT.replace("$04$", "$31$"),
    f"pbkdf2_sha256$999999999$salt${_B64}",
    f"pbkdf2_sha256$0$salt${_B64}",
    f"scrypt$salt$1048576$64$16${_B64}",
    f"scrypt:1000:8:1$salt${_SCRYPT.hex()}",
    f"scrypt:1024:0:1$salt${_SCRYPT.hex()}",
    _ARGON2.replace("m=64", "m=99999999"),
    _ARGON2.replace("t=1", "t=999999"),
]
NONE_AT_ALL = ["", "x", PASSWORD, "$1$old$md5", "{SSHA}abc", "pbkdf2_sha256$1000$salt$***", "pbkdf2:sha256:1000$s$abc"]


@pytest.mark.parametrize("stored", [*TOO_MUCH, *NONE_AT_ALL])
def test_what_is_beyond_bounds_or_none_is_refused(stored: str) -> None:
    with pytest.raises(ValueError, match="this"):
        read_hash(stored)


def test_a_password_longer_than_bcrypt_reads_is_no_error() -> None:
    check = checker_of(bcrypt.hashpw(b"x" * 72, _SALT).decode())
    assert check is not None
    assert check(b"x" * 200)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"email": "ada"}',
        b'{"email": "ada@example.org", "password": "secret"}',
        b'{"email": "ada@example.org", "name": "two\\nlines"}',
        b'{"email": "ada@example.org", "password_hash": "secret"}',
        b"\xff",
    ],
)
def test_lines_that_are_no_account(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        read_line(line)
    assert "secret" not in str(refused.value)
