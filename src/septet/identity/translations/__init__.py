"""The words of pages in other languages than English: a folder a language, in gettext's format."""

from __future__ import annotations

import functools
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ("en", *sorted(path.name for path in HERE.iterdir() if (path / "pages.po").exists()))


@functools.cache
def translation(language: str) -> NullTranslations:
    """The translation of the pages into `language`, which is one of LANGUAGES. English is what they are written in."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = HERE / language / "pages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
