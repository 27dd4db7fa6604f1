"""Compresses what is large enough to gain by it, for those who say they can read it."""

from __future__ import annotations

import functools
import gzip
import re

WORTH_IT = 1024  # bytes
_LEVEL = 4  # near the best size for half of its time
_GZIP = re.compile(rb"(?:^|,)\s*(?:gzip|x-gzip|(\*))\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?(?=,|\Z)", re.IGNORECASE)


@functools.lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether `Accept-Encoding` allows gzip: named, or by `*`, and not with a weight of zero."""
    found = sorted(_GZIP.findall(accept_encoding))  # a name comes before the star
    return bool(found) and (found[0][1] == b"" or found[0][1].strip(b"0.") != b"")


def compress(body: bytes) -> bytes:
    return gzip.compress(body, _LEVEL, mtime=0)
