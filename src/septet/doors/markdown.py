"""Our own pages as Markdown, for readers that are programs: what stands in `<main>`, with its headings and code.

It knows the elements that our templates use, and is no converter for pages of others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin

_BLOCKS = frozenset({"p", "li", "dt", "dd", "pre", "h1", "h2", "h3", "section", "div", "dl", "ul", "ol"})
_PREFIXES = {"h1": "# ", "h2": "## ", "h3": "### ", "li": "- "}


def markdown_of(html: str, base_url: str) -> str:
    """The main part of a page. Its links are made whole with `base_url`."""
    reader = _Reader(base_url)
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Gathers the blocks of a page; `_words` are those of the block that is being read."""

    def __init__(self, base_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base_url = base_url
        self._blocks: list[str] = []
        self._words: list[str] = []
        self._in_main = False
        self._block = ""
        self._term = ""
        self._link = ""

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag == "main":
            self._end_block()
            self._in_main = True
        elif tag in _BLOCKS:
            self._end_block()
            self._block = tag
        elif tag == "code" and self._block != "pre":
            self._words.append("`")
        elif tag == "a":
            self._link = urljoin(self._base_url, dict(attributes).get("href") or "")
            self._words.append("[")

    def handle_endtag(self, tag: str) -> None:
        if tag == "main":
            self._end_block()
            self._in_main = False
        elif tag in _BLOCKS:
            self._end_block()
        elif tag == "code" and self._block != "pre":
            self._words.append("`")
        elif tag == "a":
            self._words.append(f"]({self._link})")

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def text(self) -> str:
        return "\n\n".join(self._blocks) + "\n"

    def _end_block(self) -> None:
        text, block = "".join(self._words), self._block
        self._words, self._block = [], ""
        if not self._in_main or not text.strip():
            return
        if block == "pre":
            self._blocks.append(f"```\n{text.strip()}\n```")
            return
        line = re.sub(r"\s+", " ", text).strip()
        if block == "dt":
            self._term = line
        elif block == "dd":
            self._blocks.append(f"- `{self._term}`: {line}")
        else:
            self._blocks.append(_PREFIXES.get(block, "") + line)
