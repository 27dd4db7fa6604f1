"""Modes of files: what a command makes is for its owner alone, but for source, which is to be committed and built."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_PRIVATE = 0o077
_wanted: int | None = None  # what the user's umask was, in a process that makes private files


def make_private() -> None:
    """From now on, nobody but their owner reads the files that this process makes."""
    global _wanted
    _wanted = os.umask(_PRIVATE)


@contextlib.contextmanager
def as_the_user_wants() -> Iterator[None]:
    """Meanwhile files have the modes that the user's own umask gives them."""
    if _wanted is None:
        yield
        return
    before = os.umask(_wanted)
    try:
        yield
    finally:
        os.umask(before)
