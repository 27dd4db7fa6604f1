"""From a request to the arguments of an operation: compiled once for each, strict, and naming every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec import Struct, ValidationError

from septet.core.arguments import Argument
from septet.core.errors import Fault, Malformed, NotFound, Problem
from septet.core.http_problems import UnsupportedMediaType
from septet.core.message import Request
from septet.core.operation import Operation
from septet.doors.faults import (
    DEEPEST,
    at_most,
    escaped,
    fault_of,
    faults_of_arguments,
    faults_of_body,
    forbidden_text,
    invalid,
    is_deeper,
    may_be_deep,
    may_hold_nul,
)
from septet.doors.lexing import Lexer, lexer_of
from septet.doors.routing import text_of

_MEDIA_TYPE = re.compile(r'\s*([\w.+-]+/[\w.+-]+)\s*(?:;\s*charset\s*=\s*"?([\w-]+)"?\s*)?;?\s*\Z', re.IGNORECASE)
Decode = Callable[[bytes], Any]


class Binder:
    """Binds the requests of one operation."""

    def __init__(self, operation: Operation, beside: Collection[str] = ()) -> None:
        """`beside`: parameters of the query that are read elsewhere."""
        self._operation = operation
        self._beside = beside
        self._type = operation.arguments_type
        by_name = {argument.name: argument for argument in operation.arguments}
        in_path = re.findall(r"{(\w+)}", operation.declared.path)
        self._path = [(name, lexer_of(by_name[name].type).lex) for name in in_path]
        self._query = {a.key: (a.name, lexer_of(a.type)) for a in operation.arguments if a.where == "query"}
        self._headers = [
            (a.key.lower().encode(), a.name, lexer_of(a.type)) for a in operation.arguments if a.where == "header"
        ]
        self._body = operation.body
        self._decode = msgspec.json.Decoder(operation.body.type).decode if operation.body else None
        accepted = {"application/json"}
        if operation.declared.method == "PATCH":
            accepted.add("application/merge-patch+json")
        self._accepted = frozenset(accepted)
        self._common_type = b"application/json"

    @property
    def takes_body(self) -> bool:
        return self._body is not None

    def check_media_type(self, request: Request) -> None:
        """Raises UnsupportedMediaType for a body that this operation does not read."""
        given = request.content_type
        if given == self._common_type or (given is None and not request.announces_body):
            return
        match = _MEDIA_TYPE.match((given or b"").decode("latin-1"))
        if match is None or match[1].lower() not in self._accepted:
            raise UnsupportedMediaType(f"Send {' or '.join(sorted(self._accepted))}.")
        if match[2] and match[2].lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType("Send JSON in UTF-8.")

    def bind(self, request: Request, body: bytes) -> Struct:
        """The arguments. Raises NotFound, Malformed or Invalid."""
        values: dict[str, Any] = {}
        for (name, lex), text in zip(self._path, request.parameters, strict=True):
            values[name] = lex(text) if lex else text
        faults: list[Fault] = []
        if request.query:
            faults += self._read_query(request.query, values)
        if self._headers:
            self._read_headers(request, values)
        body_faults = self._read_body(body, values)
        unexplained: list[Fault] = []
        if not faults and not body_faults:
            try:
                return msgspec.convert(values, self._type)
            except ValidationError as error:
                unexplained = [fault_of(error)]
        raise refusal(self._operation, values, [*faults, *body_faults], unexplained)

    def _read_query(self, query: bytes, values: dict[str, Any]) -> list[Fault]:
        faults = []
        for pair in query.split(b"&"):
            if not pair:
                continue
            raw_key, _, raw_text = pair.partition(b"=")
            key, text = text_of(raw_key.replace(b"+", b" ")), text_of(raw_text.replace(b"+", b" "))
            name, lexer = self._query.get(key, ("", None))
            if lexer is None and key in self._beside:
                continue
            if lexer is None:
                faults.append(Fault(f"/{escaped(key)}", "There is no such query parameter."))
            elif lexer.many:
                values.setdefault(name, []).append(_lexed(lexer, text))
            elif name in values:
                faults.append(Fault(f"/{key}", "This is given more than once."))
            else:
                values[name] = _lexed(lexer, text)
        return at_most(iter(faults))

    def _read_headers(self, request: Request, values: dict[str, Any]) -> None:
        for key, name, lexer in self._headers:
            text = request.header(key)
            if text is None:
                continue
            parts = [part.strip() for part in text.split(",")] if lexer.many else [text]
            lexed = [_lexed(lexer, part) for part in parts]
            values[name] = lexed if lexer.many else lexed[0]

    def _read_body(self, body: bytes, values: dict[str, Any]) -> list[Fault]:
        """Puts the body among the values, or gives its faults."""
        if self._decode is None or self._body is None:
            if body:
                raise Malformed("No body is expected here.")
            return []
        if not body:
            if self._body.required:
                raise Malformed("A body is expected here.")
            return []
        try:
            return self._decode_body(self._decode, self._body, body, values)
        except RecursionError:
            raise Malformed("The body is nested too deep.") from None
        except UnicodeDecodeError:
            raise Malformed("The body is not UTF-8.") from None
        except msgspec.DecodeError as error:
            raise Malformed(f"The body is not JSON: {error}.") from None

    @staticmethod
    def _decode_body(decode: Decode, argument: Argument, body: bytes, values: dict[str, Any]) -> list[Fault]:
        if may_be_deep(body) and is_deeper(_raw(body)):
            raise Malformed(f"The body is nested more than {DEEPEST} deep.")
        holds_nul = may_hold_nul(body)
        try:
            values["body"] = decode(body)
        except ValidationError as error:
            raw = _raw(body)
            faults = at_most(forbidden_text(raw)) if holds_nul else []
            return (faults + faults_of_body(raw, argument.type)) or [fault_of(error)]
        return at_most(forbidden_text(_raw(body))) if holds_nul else []


def refusal(operation: Operation, values: dict[str, Any], found: list[Fault], unexplained: list[Fault]) -> Problem:
    """Names every fault there is. A path that cannot be leads nowhere, whatever else is wrong."""
    of_arguments = faults_of_arguments(values, operation.arguments)
    in_path = {argument.key for argument in operation.arguments if argument.where == "path"}
    if any(fault.pointer.split("/")[1] in in_path for fault in of_arguments):
        return NotFound("There is no such thing.")
    return invalid([*of_arguments, *found] or unexplained)


def _lexed(lexer: Lexer, text: str) -> Any:
    return lexer.lex(text) if lexer.lex else text


def _raw(body: bytes) -> Any:
    return msgspec.json.decode(body)
