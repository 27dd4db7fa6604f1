"""From JSON values to the arguments of an operation, for the doors that know neither paths nor headers.

The same checks as over REST, with the same faults at the same pointers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, ValidationError

from septet.core.errors import Fault
from septet.core.operation import Operation
from septet.core.relation import Relation
from septet.doors.binding import refusal
from septet.doors.faults import at_most, escaped, fault_of, faults_of_arguments, faults_of_body, forbidden_text, invalid


class ValueBinder:
    """Binds the calls of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._body = operation.body
        self._beside_body = frozenset(a.name for a in operation.arguments if a is not operation.body)

    def bind(self, values: Mapping[str, Any], *, holds_nul: bool = True) -> Struct:
        """The arguments, from values by name, the body's under `body`. Raises Invalid, or NotFound for a bad path.

        With `holds_nul=False` the door knows already that no text in them holds one.
        """
        forbidden = _forbidden(values) if holds_nul else []
        if not forbidden:
            try:
                return msgspec.convert(values, self._operation.arguments_type)
            except ValidationError as error:
                raise refusal(self._operation, dict(values), self._faults(values), [fault_of(error)]) from None
        raise refusal(self._operation, dict(values), forbidden, [])

    def bind_flat(self, values: Mapping[str, Any], *, holds_nul: bool = True) -> Struct:
        """The arguments, from values in which the fields of the body stand beside the other arguments."""
        if self._body is None:
            return self.bind(values, holds_nul=holds_nul)
        beside = {name: value for name, value in values.items() if name in self._beside_body}
        fields = {name: value for name, value in values.items() if name not in self._beside_body}
        whole = {**beside, "body": fields} if fields or self._body.required else beside
        return self.bind(whole, holds_nul=holds_nul)

    def _faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with the body, and what has no place at all."""
        known = {argument.name for argument in self._operation.arguments}
        found = [Fault(f"/{escaped(name)}", "There is no such argument.") for name in values if name not in known]
        if self._body is not None and "body" in values:
            found += faults_of_body(values["body"], self._body.type)
        elif self._body is not None and self._body.required:
            found.append(Fault("", "A body is expected here."))
        return found


def _forbidden(values: Mapping[str, Any]) -> list[Fault]:
    beside = {name: value for name, value in values.items() if name != "body"}
    return at_most(itertools.chain(forbidden_text(beside), forbidden_text(values.get("body"))))


def bind_relation(relation: Relation, values: Mapping[str, Any]) -> Struct:
    """The arguments of a relation, from values by name. Raises Invalid."""
    if forbidden := at_most(forbidden_text(values)):
        raise invalid(forbidden)
    try:
        return msgspec.convert(values, relation.arguments_type)
    except ValidationError as error:
        raise invalid(faults_of_arguments(values, relation.arguments) or [fault_of(error)]) from None
