"""The plans of a server: those of the documents that were asked last are kept."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    FloatValueNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import Visitor, visit

from septet.doors.faults import DEEPEST, is_deeper
from septet.doors.graphql.binding import are_small
from septet.doors.graphql.plan import Compiler, Plan, conditions_of

MOST_DOCUMENTS = 1000
MOST_TOKENS = 50_000  # of the documents that are kept: few of the largest, with their plans, are much memory
_MOST_VARIANTS = 16
_MOST_FAULTS = 50
_LONGEST_REMEMBERED = 500  # characters of the variables of one request
_NO_VARIABLES = VariableValues({}, {})


class RequestRefused(Exception):
    """The document was not executed at all: it has no such operation, or the variables do not fit. `errors` say why.

    The specification calls these request errors: the reply has no `data`.
    """

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class DocumentPlans:
    """One document, and the plans of its operations."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.document = document
        self._schema = schema
        self._operations = {
            node.name.value if node.name else None: node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._conditions = conditions_of([*self._operations.values(), *self.fragments.values()])
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._coerced: dict[tuple[int, str], VariableValues] = {}
        self._fault = _fault_of_numbers(document)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one. Raises RequestRefused."""
        if name is None and len(self._operations) > 1:
            raise RequestRefused(GraphQLError("The document has several operations: name one in operationName."))
        node = next(iter(self._operations.values()), None) if name is None else self._operations.get(name)
        if node is None:
            raise RequestRefused(GraphQLError("The document has no such operation."))
        if node.operation is OperationType.SUBSCRIPTION:
            raise RequestRefused(GraphQLError("There are no subscriptions here."))
        return node

    def variables(self, node: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
        """The variables of an operation, coerced. Raises RequestRefused, naming every fault."""
        if self._fault is not None:
            raise RequestRefused(self._fault)
        if not node.variable_definitions:
            return _NO_VARIABLES
        may_hold_secrets = node.operation is OperationType.MUTATION
        if may_hold_secrets or not are_small(given.values()) or len(written := repr(given)) > _LONGEST_REMEMBERED:
            return self._coerce(node, given)
        key = (id(node), written)  # True, 1 and 1.0 are equal, but are not written alike
        coerced = self._coerced.get(key)
        if coerced is None:
            coerced = self._coerce(node, given)
            if len(self._coerced) >= _MOST_VARIANTS:
                self._coerced.clear()
            self._coerced[key] = coerced
        return coerced

    def _coerce(self, node: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
        if is_deeper(given):
            raise RequestRefused(GraphQLError(f"The variables are nested more than {DEEPEST} deep."))
        definitions = node.variable_definitions or ()
        found = get_variable_values(self._schema, definitions, dict(given), _MOST_FAULTS, hide_suggestions=True)
        if isinstance(found, list):
            raise RequestRefused(*found)
        return found

    def plan(self, node: OperationDefinitionNode, variables: VariableValues) -> Plan:
        """The plan of an operation as its conditions turn out. Raises RequestRefused for a condition that is null."""
        conditions = {name: variables.coerced.get(name) for name in self._conditions & variables.sources.keys()}
        if None in conditions.values():
            raise RequestRefused(GraphQLError("A variable of @skip or @include is null."))
        key = (id(node), *sorted(conditions.items()))
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MOST_VARIANTS:
                self._plans.clear()
            compiler = Compiler(self._schema, self.fragments, cast(dict[str, bool], conditions))
            plan = self._plans[key] = compiler.compile(node)
        return plan


class PlanCache:
    """The documents that were asked last, with their plans. They are told apart by identity: a door keeps its own."""

    def __init__(self, schema: GraphQLSchema, most: int = MOST_DOCUMENTS) -> None:
        self._schema = schema
        self._most = most
        self._tokens = 0
        self._known: OrderedDict[int, DocumentPlans] = (
            OrderedDict()
        )  # holds each document, so that its id stays its own

    def of(self, document: DocumentNode) -> DocumentPlans:
        plans = self._known.get(id(document))
        if plans is None:
            plans = self._known[id(document)] = DocumentPlans(self._schema, document)
            self._tokens += document.token_count
            while len(self._known) > self._most or self._tokens > MOST_TOKENS:
                self._tokens -= self._known.popitem(last=False)[1].document.token_count
        else:
            self._known.move_to_end(id(document))
        return plans


class _Numbers(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.fault: GraphQLError | None = None

    def enter_float_value(self, node: FloatValueNode | IntValueNode, *_: Any) -> None:
        if not math.isfinite(float(node.value)):
            self.fault = GraphQLError("A number is too large.", node)

    enter_int_value = enter_float_value  # where a Float is wanted, an integer may stand


def _fault_of_numbers(document: DocumentNode) -> GraphQLError | None:
    """The fault of a number such as 1e999, which no JSON could write again."""
    numbers = _Numbers()
    visit(document, numbers)
    return numbers.fault
