"""Which language a page is in: its reader's, as far as there is a translation."""

from __future__ import annotations

from septet.core.message import Request
from septet.identity.translations import best_language

_MOST_WISHES = 10


def language_of(request: Request, locale: str | None = None) -> str:
    """By the account's own locale if it is known, else by what the browser asks for (RFC 9110 section 12.5.4)."""
    return best_language([locale] if locale else _wishes(request.header(b"accept-language") or ""))


def _wishes(header: str) -> list[str]:
    """Language tags, the most wanted first."""
    weighed: list[tuple[float, str]] = []
    for part in header.split(",")[:_MOST_WISHES]:
        tag, _, weight = part.partition(";q=")
        try:
            weighed.append((float(weight or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda wish: -wish[0]) if tag and weight > 0]
