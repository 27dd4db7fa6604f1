"""What a text in an address or a header means, as told by the declared type of the argument that it is for.

A number is written as JSON writes it, without an exponent; a truth value is `true` or `false`. A text that is not
so stays a text, and is then refused by the strict validation that arguments pass through on every door.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct, UnsetType

Lex = Callable[[str], Any]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?\Z", re.ASCII)
_TRUTH = {"true": True, "false": False}
_AS_TEXT = (str, UUID, datetime, date, time, StrEnum)  # what validation reads from text by itself


class Lexer(Struct, frozen=True):
    """How one text becomes a value, None where it stays a text; and whether the argument may come many times."""

    lex: Lex | None
    many: bool = False


def lexer_of(kind: Any) -> Lexer:
    """Raises TypeError for a type that no text can carry."""
    if hasattr(kind, "__supertype__"):
        return lexer_of(kind.__supertype__)
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return lexer_of(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(kind) if member not in (type(None), UnsetType)]
        if len(members) == 1:
            return lexer_of(members[0])
    if origin in (list, set, frozenset, tuple):
        return Lexer(lexer_of(typing.get_args(kind)[0]).lex, many=True)
    if kind is int:
        return Lexer(lambda text: int(text) if _INTEGER.match(text) else text)
    if kind is float:
        return Lexer(lambda text: float(text) if _NUMBER.match(text) else text)
    if kind is bool:
        return Lexer(lambda text: _TRUTH.get(text, text))
    if isinstance(kind, type) and issubclass(kind, _AS_TEXT):
        return Lexer(None)
    raise TypeError(f"{kind}: an argument outside the body is a text, a number, a truth value or a list of those")
