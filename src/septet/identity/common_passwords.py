"""The thirty thousand passwords that are guessed first, from lists of leaked ones. They come with `zxcvbn`."""

from __future__ import annotations

import functools
import unicodedata

_ENDINGS = "0123456789!?.,-_*#$@ "
_SHORTEST = 4


def is_common(password: str) -> bool:
    """Whether a password is one of them, also with digits or signs before or behind it."""
    folded = unicodedata.normalize("NFC", password).casefold()
    bare = folded.strip(_ENDINGS)
    return folded in _common() or (len(bare) >= _SHORTEST and bare in _common())


@functools.cache
def _common() -> frozenset[str]:
    """Loaded when the first password is chosen: it takes 20 ms and 17 MB."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
