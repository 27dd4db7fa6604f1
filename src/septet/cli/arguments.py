"""The options of an operation, made from the types that it declares, and the values that people give them.

Arguments of the path, the query and the header stand side by side with the fields of the body. A text, a number or a
truth value is given as it is, one of a list by repeating its option, and anything else as JSON. What is left out is
absent. Whether a value is right is not judged here but by the same checks as at every door.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec
from msgspec import NODEFAULT, UNSET, Struct, UnsetType

from septet.cli.shapes import constraints_of, description_of, metavar_of
from septet.cli.texts import Texts
from septet.core.operation import Operation
from septet.doors.lexing import Lexer, lexer_of

AT_ONCE = "the arguments"  # given as one JSON object, as an error names them
_PREFIX = "argument_"


class Field(Struct, frozen=True):
    """One argument, or one field of the body. `lexer` is None for what has to be written in JSON."""

    name: str
    type: Any
    required: bool
    default: Any
    lexer: Lexer | None

    @property
    def option(self) -> str:
        return self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        return self.lexer is not None and not self.lexer.many and _bare(self.type) is bool


def fields_of(operation: Operation) -> list[Field]:
    """All that an operation can be given. A body that is one of several types is left to `--json`."""
    found = [_field(a.name, a.type, a.default) for a in operation.arguments if a is not operation.body]
    if operation.body is not None:
        found += _fields_of_body(operation.body.type)
    return found


def options_of(fields: list[Field]) -> list[click.Option]:
    """An option for each field, in their order."""
    return [_option(field) for field in fields]


def values_given(fields: list[Field], given: Mapping[str, Any], at_once: str | None, texts: Texts) -> dict[str, Any]:
    """The arguments as JSON values by name: those of the object `at_once`, and over them each that was `given`.

    Raises click.UsageError for what cannot be read.
    """
    values = _whole_set(at_once, texts)
    for field in fields:
        raw = given.get(parameter_of(field))
        if raw is None or raw == ():
            continue
        values[field.name] = raw if isinstance(raw, bool) else _value(field, raw, texts)
    return values


def parameter_of(field: Field) -> str:
    """The name that click keeps the field's value under; no option of the command itself has one like it."""
    return f"{_PREFIX}{field.name}"


def is_argument(option: click.Parameter) -> bool:
    """Whether an option gives an argument of the operation."""
    return option.name is not None and option.name.startswith(_PREFIX)


def _option(field: Field) -> click.Option:
    told = (description_of(field.type), constraints_of(field.type), _default_in_words(field))
    words = " ".join(part for part in told if part)
    if field.is_switch:
        flags = f"--{field.option}/--no-{field.option}"
        return click.Option([flags, parameter_of(field)], default=None, help=words)
    many = field.lexer is not None and field.lexer.many
    metavar = "JSON" if field.lexer is None else metavar_of(field.type)
    return click.Option([f"--{field.option}", parameter_of(field)], multiple=many, metavar=metavar, help=words)


def _default_in_words(field: Field) -> str:
    many = " May be repeated." if field.lexer is not None and field.lexer.many else ""
    if field.required:
        return f"[required]{many}"
    if field.default in (None, UNSET, NODEFAULT):
        return many.strip()
    return f"[default: {msgspec.json.encode(field.default).decode()}]{many}"


def _fields_of_body(kind: Any) -> list[Field]:
    bare = _bare(kind)
    if not (isinstance(bare, type) and issubclass(bare, Struct)):
        return []
    return [
        _field(field.encode_name, field.type, _default_of(field.default, field.default_factory))
        for field in msgspec.structs.fields(bare)
    ]


def _default_of(default: Any, factory: Any) -> Any:
    return factory() if default is NODEFAULT and factory is not NODEFAULT else default


def _field(name: str, kind: Any, default: Any) -> Field:
    try:
        lexer = lexer_of(kind)
    except TypeError:
        lexer = None
    return Field(name, kind, default is NODEFAULT, default, lexer)


def _whole_set(text: str | None, texts: Texts) -> dict[str, Any]:
    if text is None:
        return {}
    values = _from_json(AT_ONCE, texts.read(AT_ONCE, text))
    if not isinstance(values, dict):
        raise click.UsageError(f"{AT_ONCE}: this is no JSON object of arguments by name")
    return values


def _value(field: Field, raw: str | tuple[str, ...], texts: Texts) -> Any:
    option = f"--{field.option}"
    if isinstance(raw, tuple):
        return [_lexed(field, texts.read(option, one)) for one in raw]
    text = texts.read(option, raw)
    return _from_json(option, text) if field.lexer is None else _lexed(field, text)


def _lexed(field: Field, text: str) -> Any:
    return field.lexer.lex(text) if field.lexer is not None and field.lexer.lex is not None else text


def _from_json(option: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise click.UsageError(f"{option}: this is no JSON: {error or 'it is nested too deep'}") from error


def _bare(kind: Any) -> Any:
    """The type behind names, constraints and `X | None`."""
    if hasattr(kind, "__supertype__"):
        return _bare(kind.__supertype__)
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = list(_members(kind))
        return _bare(members[0]) if len(members) == 1 else kind
    return kind


def _members(kind: Any) -> Iterator[Any]:
    return (member for member in typing.get_args(kind) if member not in (type(None), UnsetType))
