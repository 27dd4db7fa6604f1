"""Passwords are hashed with Argon2id, in threads of their own, so many at once and no more.

Hashing takes tens of milliseconds and megabytes on purpose. On the event loop it would stop every other call; in
unbounded threads, a storm of logins would take all memory. So few threads hash, a bounded queue waits for them, and
whoever comes beyond that is told to come back. On Linux the threads give way to the event loop's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from septet.core.errors import Unavailable
from septet.core.runtime import Runtime
from septet.identity.foreign_hashes import checker_of
from septet.identity.settings import IdentitySettings

T = TypeVar("T")
_SALT_BYTES, _HASH_BYTES = 16, 32
_NICENESS = 10


class Hashing:
    """One process's hashing of passwords."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time,
            memory_cost=settings.argon2_memory,
            parallelism=settings.argon2_lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        threads = settings.hash_threads or max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="hashing", initializer=_give_way)
        self._most = threads + settings.hash_queue
        self._underway = 0
        self._nobodys = _hash_of_nothing(settings)

    async def hash(self, password: str) -> str:
        """A new hash of `password`, with today's parameters and a salt of its own. Raises Unavailable."""
        return await self._run(lambda: self._hasher.hash(normalized(password)))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `stored` is a hash of `password`. For nobody's, None, it takes as long to say no.

        Raises Unavailable when too many wait already.
        """
        return await self._run(lambda: self._verify(stored or self._nobodys, normalized(password)))

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's, or by another program."""
        return not stored.startswith("$argon2id$") or self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: bytes) -> bool:
        if not stored.startswith("$argon2"):
            check = checker_of(stored)
            return check is not None and check(password)
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._underway >= self._most:
            raise Unavailable("Too many people sign in at this moment. Try again in a few seconds.")
        self._underway += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._underway -= 1


def hashing(runtime: Runtime) -> Hashing:
    """This process's one."""
    made: Hashing | None = runtime.memory.get(Hashing)
    if made is None:
        made = runtime.memory[Hashing] = Hashing(runtime.settings_of(IdentitySettings))
    return made


def normalized(password: str) -> bytes:
    """The bytes that are hashed: one spelling (NFC) for what keyboards type in several."""
    return unicodedata.normalize("NFC", password).encode()


def _hash_of_nothing(settings: IdentitySettings) -> str:
    """A well-formed hash that no password has: random bytes. Checking against it takes the usual time."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES)
    )
    parameters = f"m={settings.argon2_memory},t={settings.argon2_time},p={settings.argon2_lanes}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _give_way() -> None:
    """Lower this thread's priority. On Linux it is a thread's own; elsewhere it would be the whole process's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
