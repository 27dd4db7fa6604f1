"""Every fault of an input, each with its place.

Validation stops at the first fault, which is right for the many inputs that have none. Only once it has failed is
the input walked again, field by field, so that the caller learns of all of them at once.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, UnsetType, ValidationError
from msgspec.structs import FieldInfo

from septet.core.arguments import Argument
from septet.core.errors import Fault, Invalid

MOST_FAULTS = 50
DEEPEST = 64
_MESSAGE = re.compile(r"(?P<detail>.*?)(?: - at `(?:key in )?\$(?P<place>.*)`)?\Z", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[([^\]]+)\]")
_NAMED_FIELD = re.compile(r"field `([^`]+)`")
_ENCODED_NUL = b"\\u0000"


def invalid(faults: list[Fault]) -> Invalid:
    detail = faults[0].detail if len(faults) == 1 else f"{len(faults)} faults; `errors` names each."
    return Invalid(detail, faults=faults)


def faults_of_body(raw: Any, kind: Any) -> list[Fault]:
    """The faults of a decoded body against its declared type."""
    return at_most(_walk(raw, kind, ""))


def faults_of_arguments(values: Mapping[str, Any], arguments: Sequence[Argument]) -> list[Fault]:
    """The faults of arguments outside the body, each under the key that the caller knows it by."""
    found: list[Fault] = []
    for argument in arguments:
        if argument.where == "body":
            continue
        place = f"/{escaped(argument.key)}"
        if argument.name in values:
            found += _walk(values[argument.name], argument.type, place)
        elif argument.required:
            found.append(Fault(place, "This is required."))
    return found


def at_most(faults: Iterator[Fault]) -> list[Fault]:
    found = []
    for fault in faults:
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return found


def _walk(raw: Any, kind: Any, at: str) -> Iterator[Fault]:
    """Into Structs and lists; anything else is validated as a whole."""
    inner = _plain(kind, raw)
    if _is_plain_struct(inner) and isinstance(raw, dict):
        yield from _walk_struct(raw, inner, at)
    elif typing.get_origin(inner) is list and isinstance(raw, list):
        (item_kind,) = typing.get_args(inner)
        clean = True
        for index, item in enumerate(raw):
            for fault in _walk(item, item_kind, f"{at}/{index}"):
                clean = False
                yield fault
        if clean:
            yield from _whole(raw, kind, at)  # its length
    else:
        yield from _whole(raw, kind, at)


def _walk_struct(raw: dict[Any, Any], kind: type[Struct], at: str) -> Iterator[Fault]:
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    clean = True
    for name, field in known.items():
        place = f"{at}/{escaped(name)}"
        found = _walk(raw[name], field.type, place) if name in raw else _missing(field, place)
        for fault in found:
            clean = False
            yield fault
    if kind.__struct_config__.forbid_unknown_fields:
        for name in raw.keys() - known.keys():
            clean = False
            yield Fault(f"{at}/{escaped(name)}", "There is no such field.")
    if clean:
        yield from _whole(raw, kind, at)  # what the Struct checks of its fields together


def _missing(field: FieldInfo, place: str) -> Iterator[Fault]:
    if field.required:
        yield Fault(place, "This is required.")


def _plain(kind: Any, raw: Any) -> Any:
    """The type behind a NewType and constraints; `X | None` is looked into as X."""
    if hasattr(kind, "__supertype__"):
        return _plain(kind.__supertype__, raw)
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0], raw)
    if raw is not None and typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(kind) if member not in (type(None), UnsetType)]
        return _plain(members[0], raw) if len(members) == 1 else kind
    return kind


def _is_plain_struct(kind: Any) -> bool:
    """A Struct that is not told apart from others by a tag."""
    return isinstance(kind, type) and issubclass(kind, Struct) and kind.__struct_config__.tag is None


def _whole(raw: Any, kind: Any, at: str) -> Iterator[Fault]:
    try:
        msgspec.convert(raw, kind)
    except ValidationError as error:
        yield fault_of(error, at)


def fault_of(error: ValidationError, at: str = "") -> Fault:
    """The fault that a validation error tells of, below the place `at`."""
    match = _MESSAGE.match(str(error))
    detail = match["detail"] if match else str(error)
    steps = _STEP.findall(match["place"] or "") if match else []
    place = at + "".join(f"/{escaped(name or index)}" for name, index in steps)
    if named := _NAMED_FIELD.search(detail):
        place += f"/{escaped(named[1])}"
    return Fault(place, detail.replace("`", "") + ".")


def escaped(name: str) -> str:
    """A step of a JSON pointer (RFC 6901); cut, because it may be the caller's."""
    return name[:64].replace("~", "~0").replace("/", "~1")


def may_hold_nul(encoded: bytes) -> bool:
    """Whether a text in this JSON may hold a NUL. Never wrong with a no, and told without reading it."""
    return _ENCODED_NUL in encoded


def forbidden_text(value: Any) -> Iterator[Fault]:
    """A fault for each text, key or value, that holds a NUL. Goes as deep as was decoded, without recursion."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                yield Fault(place, "A text holds no NUL.")
        elif isinstance(item, list):
            waiting += [(f"{place}/{index}", each) for index, each in enumerate(item)]
        elif isinstance(item, dict):
            for key, each in item.items():
                below = f"{place}/{escaped(key)}"
                waiting += [(below, key), (below, each)]


def may_be_deep(encoded: bytes) -> bool:
    """Whether this JSON may be nested deeper than is taken. Never wrong with a no, and told without reading it."""
    return encoded.count(b"{") + encoded.count(b"[") > DEEPEST


def is_deeper(value: Any, most: int = DEEPEST) -> bool:
    """Whether arrays and objects lie within each other more than `most` deep."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        inner = (each for item in level for each in (item.values() if isinstance(item, dict) else item))
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return False
    return True
