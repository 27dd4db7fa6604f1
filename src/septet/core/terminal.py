"""What a terminal is shown: strangers write names, letters and files, and a terminal obeys what is in them."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` without what a terminal would obey: lines stay lines, and each other control character becomes ?."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


def on_one_line(text: str) -> str:
    """The same in one line, for a table: what has lines of its own could look like the next row."""
    return printable(text.replace("\n", " ").replace("\t", " "))
