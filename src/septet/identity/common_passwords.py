"""The thirty thousand passwords that are guessed first, from lists of leaked ones. They come with `zxcvbn`."""

from __future__ import annotations

import functools
import unicodedata
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution
from types import ModuleType

_ENDINGS = "0123456789!?.,-_*#$@ "
_SHORTEST = 4


def is_common(password: str) -> bool:
    """Whether a password is one of them, also with digits or signs before or behind it."""
    folded = unicodedata.normalize("NFC", password).casefold()
    bare = folded.strip(_ENDINGS)
    return folded in _common() or (len(bare) >= _SHORTEST and bare in _common())


@functools.cache
def _common() -> frozenset[str]:
    """Loaded when the first password is chosen, in 10 ms and 6 MB: the list alone, as the package makes more of it."""
    file = distribution("zxcvbn").locate_file("zxcvbn/frequency_lists.py")
    lists = ModuleType("frequency_lists")
    SourceFileLoader(lists.__name__, str(file)).exec_module(lists)
    return frozenset(lists.FREQUENCY_LISTS["passwords"])
