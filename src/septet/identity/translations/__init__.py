"""The words of pages and mails in other languages than English: a folder a language, in gettext's format."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LANGUAGES = ("en", *sorted(path.name for path in HERE.iterdir() if (path / "pages.po").exists()))


def best_language(wishes: Sequence[str]) -> str:
    """Which of LANGUAGES serves best somebody who wishes for these (BCP 47), the most wanted first."""
    from babel import negotiate_locale

    return negotiate_locale(wishes, LANGUAGES, sep="-") or "en"


def words(language: str, of: str = "pages") -> dict[str, Any]:
    """What a template of `pages` or `mails` needs to speak a language."""
    spoken = _translation(language, of)
    return {"lang": language, "gettext": spoken.gettext, "ngettext": spoken.ngettext}


@functools.cache
def _translation(language: str, of: str) -> NullTranslations:
    """English is what pages and mails are written in."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = HERE / language / f"{of}.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
