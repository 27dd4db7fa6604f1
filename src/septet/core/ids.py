"""Identifiers: UUIDv7 (RFC 9562 section 5.7), ever increasing within one process."""

from __future__ import annotations

import os
import time
from uuid import UUID

_VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
_RANDOM_62 = (1 << 62) - 1
_last = 0  # the previous id's first 60 bits: 48 of milliseconds, 12 of counter


def new_id() -> UUID:
    """A UUIDv7 greater than every one that this process made before.

    The 12 bits after the milliseconds hold the fraction of the millisecond (section 6.2, method 3).
    When the clock stands still or steps back, they count on instead, borrowing from the milliseconds.
    """
    global _last
    ms, ns = divmod(time.time_ns(), 1_000_000)
    stamp = (ms << 12) | (ns * 4096 // 1_000_000)
    if stamp <= _last:
        stamp = _last + 1
    _last = stamp
    random = int.from_bytes(os.urandom(8), "big") & _RANDOM_62
    return UUID(int=((stamp >> 12) << 80) | ((stamp & 0xFFF) << 64) | _VERSION_AND_VARIANT | random)
