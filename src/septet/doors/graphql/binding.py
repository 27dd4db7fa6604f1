"""The arguments of a field: from the document and its variables to the Struct that an operation or relation takes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLField, VariableNode
from graphql.execution.values import VariableValues, get_argument_values
from msgspec import Struct

from septet.core.errors import Invalid
from septet.doors.graphql.connections import page_arguments
from septet.doors.graphql.sources import FromOperation, FromRelation
from septet.doors.values import ValueBinder, bind_relation

_UNCHANGING = (str, int, float, type(None))
_LONGEST_SMALL = 200


def are_small(values: Iterable[Any]) -> bool:
    """Whether these can be remembered: plain values, none of which is much memory."""
    return all(
        isinstance(value, _UNCHANGING) and (not isinstance(value, str) or len(value) <= _LONGEST_SMALL)
        for value in values
    )


class Arguments:
    """The arguments of one field of a document. `asks_count`: the `totalCount` of its connection is selected."""

    def __init__(
        self, source: FromOperation | FromRelation, field: GraphQLField, node: FieldNode, *, asks_count: bool
    ) -> None:
        self._field = field
        self._node = node
        self._to_struct = _binder_of(source)
        self._paged = source.paged
        self._asks_count = asks_count
        self._known = self._read_known()
        self._latest: tuple[VariableValues | None, dict[str, Any]] = (None, {})

    def bind(self, variables: VariableValues) -> Struct:
        """Raises Invalid, or NotFound for an id that cannot be one."""
        return self._to_struct(self._bound(variables) if self._known is None else self._known)

    def _bound(self, variables: VariableValues) -> dict[str, Any]:
        """Clients repeat themselves, and then the plans give the very same variables again."""
        latest, values = self._latest
        if variables is not latest:
            values = self._values(variables)
            if are_small(variables.coerced.values()) and are_small(values.values()):
                self._latest = (variables, values)
        return values

    def _values(self, variables: VariableValues | None) -> dict[str, Any]:
        try:
            values = get_argument_values(self._field, self._node, variables, hide_suggestions=True)
        except GraphQLError as error:  # a variable is null where null cannot be
            raise Invalid(error.message) from None
        if self._paged:
            values = page_arguments(values)
        if self._asks_count:
            values["count"] = True
        return values

    def _read_known(self) -> dict[str, Any] | None:
        """The values that every call has; None if they hold variables, are refused, or could be changed by a call."""
        if any(isinstance(argument.value, VariableNode) for argument in self._node.arguments or ()):
            return None
        try:
            values = self._values(None)
        except Invalid:
            return None
        return values if all(isinstance(value, _UNCHANGING) for value in values.values()) else None


def _binder_of(source: FromOperation | FromRelation) -> Callable[[Mapping[str, Any]], Struct]:
    if isinstance(source, FromOperation):
        return ValueBinder(source.operation).bind
    if source.relation.arguments:
        return functools.partial(bind_relation, source.relation)
    nothing = source.relation.arguments_type()
    return lambda _: nothing
