"""QR codes for pages."""

from __future__ import annotations

from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """As an SVG element, which needs no other file. It is black on nothing: lay it on white."""
    import segno

    return Markup(segno.make(text, error="m").svg_inline(border=2, omitsize=True))  # noqa: S704 - it draws, it quotes nothing
