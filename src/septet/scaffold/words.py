"""The words that a new system's files are written with, from its name and its noun."""

from __future__ import annotations

import re

_TAKES_ES = re.compile(r"(s|x|z|ch|sh)\Z")
_TAKES_IES = re.compile(r"[^aeiou]y\Z")


def words_for(system: str, noun: str) -> dict[str, str]:
    """Every word that a template may ask for: `«noun»`, `«Nouns»`, `«a_noun»`, …"""
    nouns = plural(noun)
    words = {"system": system, "noun": noun, "nouns": nouns, "a_noun": f"{_article(noun)} {noun}"}
    capitalized = {word[0].upper() + word[1:]: text[0].upper() + text[1:] for word, text in words.items()}
    return words | capitalized | {"SYSTEM": system.upper(), "NOUNS": nouns.upper()}


def plural(noun: str) -> str:
    """As English does it by rule: its exceptions are left to whoever renames the file."""
    if _TAKES_IES.search(noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if _TAKES_ES.search(noun) else f"{noun}s"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
