"""Which endpoint a path leads to: a tree of segments.

A static segment wins over a parameter, and a dead end behind it is backed out of. The path is taken as it was
sent, so that `%2F` inside a segment stays inside it. A trailing slash is another path.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from septet.core.errors import Malformed
from septet.core.message import Handler

_TEMPLATE = re.compile(r"(/|(/([\w.~-]+|{\w+}))+)\Z", re.ASCII)
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Endpoint:
    """What answers one method at one path. `tally` is the door's count of its requests."""

    __slots__ = ("handle", "method", "name", "tally", "template")

    def __init__(self, name: str, method: str, template: str, handle: Handler) -> None:
        self.name = name
        self.method = method
        self.template = template
        self.handle = handle
        self.tally: dict[int, Any] = {}


class Node:
    """A place in the tree; `endpoints` by method where a path ends."""

    __slots__ = ("allow", "endpoints", "parameter", "static")

    def __init__(self) -> None:
        self.static: dict[str, Node] = {}
        self.parameter: Node | None = None
        self.endpoints: dict[str, Endpoint] = {}
        self.allow = b""


class Router:
    def __init__(self) -> None:
        self._root = Node()
        self._whole: dict[bytes, Node] = {}  # paths without parameters, found at once

    def add(self, endpoint: Endpoint) -> None:
        """Raises TypeError for a method and path that are taken, whatever their parameters are called."""
        if not _TEMPLATE.match(endpoint.template):
            raise TypeError(f"{endpoint.template}: a path is /segments, each one text or one {{parameter}}")
        node = self._root
        for segment in endpoint.template[1:].split("/"):
            if segment.startswith("{") and segment.endswith("}"):
                node.parameter = node.parameter or Node()
                node = node.parameter
            else:
                node = node.static.setdefault(segment, Node())
        taken = node.endpoints.setdefault(endpoint.method, endpoint)
        if taken is not endpoint:
            raise TypeError(f"{endpoint.method} {endpoint.template}: both {taken.name} and {endpoint.name}")
        methods = {*node.endpoints, "OPTIONS"} | ({"HEAD"} if "GET" in node.endpoints else set())
        node.allow = ", ".join(sorted(methods)).encode()
        if "{" not in endpoint.template:
            self._whole[endpoint.template.encode()] = node

    def find(self, path: bytes) -> tuple[Node, list[str]] | None:
        """The place that a path ends at, and the texts of its parameters. Raises Malformed for broken encoding."""
        whole = self._whole.get(path)
        if whole is not None:
            return whole, []
        segments = split(path)
        if segments is None:
            return None
        node = self._root
        texts: list[str] = []
        for segment in segments:
            following = node.static.get(segment)
            if following is None:
                following = node.parameter
                if following is None or not segment:
                    return _search(self._root, segments, 0, [])
                texts.append(segment)
            node = following
        return (node, texts) if node.endpoints else _search(self._root, segments, 0, [])


def _search(node: Node, segments: list[str], depth: int, texts: list[str]) -> tuple[Node, list[str]] | None:
    """The patient way, for paths on which the straight way ended in a static branch."""
    if depth == len(segments):
        return (node, texts) if node.endpoints else None
    segment = segments[depth]
    static = node.static.get(segment)
    if static is not None and (found := _search(static, segments, depth + 1, texts)):
        return found
    if node.parameter is not None and segment:
        return _search(node.parameter, segments, depth + 1, [*texts, segment])
    return None


def split(path: bytes) -> list[str] | None:
    """The decoded segments of a path; None for one that does not begin with a slash."""
    if not path.startswith(b"/"):
        return None
    if b"%" not in path and path.isascii():
        if b"\0" in path:
            raise Malformed("A path holds no NUL.")
        return path[1:].decode("ascii").split("/")
    return [text_of(segment) for segment in path[1:].split(b"/")]


def text_of(raw: bytes) -> str:
    """Percent-decoded text. Raises Malformed for what is not UTF-8, holds a NUL, or has a broken escape."""
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw):
            raise Malformed("A percent sign in an address is followed by two hexadecimal digits.")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("An address is UTF-8.") from None
    if "\0" in text:
        raise Malformed("An address holds no NUL.")
    return text
