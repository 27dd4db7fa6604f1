"""The plan of a document: what each root field calls, and what is wanted of its value.

A document is compiled once for each operation in it and for each way in which its `@skip` and `@include` turn out.
What is left for a call are the arguments that hold variables. The selections of a plan are those of
`septet.core.projection`: nothing of GraphQL is left in them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.values import VariableValues
from msgspec import UNSET, Struct

from septet.core.operation import Operation
from septet.core.projection import Choice, Constant, Entry, Leaf, Nested, Related, Selection, Wanted
from septet.doors.graphql.binding import Arguments
from septet.doors.graphql.sources import FromOperation, FromOwner, FromRelation, FromType, Source, source_of, struct_of

_CONDITIONS = ("skip", "include")


class Call(Struct, frozen=True):
    """A root field that calls an operation. `wanted` is None where it gives a plain value, of which `show` is shown.

    follows: some relation is followed from there.
    """

    key: str
    operation: Operation
    bind: Callable[[VariableValues], Struct]
    wanted: Wanted | None
    many: bool
    show: Callable[[Any], Any] | None
    follows: bool


class Typename(Struct, frozen=True):
    """`__typename` of the root."""

    key: str
    name: str


class Introspection(Struct, frozen=True):
    """`__schema` or `__type`, which graphql-core answers."""

    key: str
    nodes: tuple[FieldNode, ...]


Root = Call | Typename | Introspection


class Plan(Struct, frozen=True):
    """The root fields in the order in which they are shown."""

    roots: tuple[Root, ...]
    changes: bool


def conditions_of(definitions: Iterable[OperationDefinitionNode | FragmentDefinitionNode]) -> frozenset[str]:
    """The variables on which it depends what is shown."""
    found = set()
    waiting: list[Any] = list(definitions)
    while waiting:
        node = waiting.pop()
        for directive in node.directives or ():
            if directive.name.value in _CONDITIONS:
                found |= {a.value.name.value for a in directive.arguments if isinstance(a.value, VariableNode)}
        if getattr(node, "selection_set", None) is not None:
            waiting += node.selection_set.selections
    return frozenset(found)


class Compiler:
    """Compiles one operation of a document, for given conditions."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: Mapping[str, bool],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._conditions = conditions
        self._follows = False  # whether the root field that is being read follows a relation

    def compile(self, node: OperationDefinitionNode) -> Plan:
        changes = node.operation.value == "mutation"
        kind = self._schema.mutation_type if changes else self._schema.query_type
        assert kind is not None
        collected = self._collect(kind, [node])
        roots = tuple(self._root(key, kind, nodes) for key, nodes in collected.items())
        return Plan(roots, changes)

    def _root(self, key: str, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Root:
        name = nodes[0].name.value
        if name == "__typename":
            return Typename(key, kind.name)
        if name.startswith("__"):
            return Introspection(key, tuple(nodes))
        field = kind.fields[name]
        source: FromOperation = source_of(field)
        arguments = Arguments(source, field, nodes[0], asks_count=source.counts and self._counts(nodes))
        self._follows = False
        wanted = self._wanted(field, nodes)
        return Call(key, source.operation, arguments.bind, wanted, source.many, source.show, self._follows)

    def _wanted(self, field: GraphQLField, nodes: list[FieldNode]) -> Wanted | None:
        """What is wanted of the objects that a field leads to; None for a plain value."""
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            return None
        if isinstance(kind, GraphQLUnionType):
            return Choice({struct_of(member): self._selection(member, nodes) for member in kind.types})
        return self._selection(cast(GraphQLObjectType, kind), nodes)

    def _selection(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Selection:
        return Selection([self._entry(key, kind, each) for key, each in self._collect(kind, nodes).items()])

    def _entry(self, key: str, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Entry:
        name = nodes[0].name.value
        if name == "__typename":
            return Constant(key, kind.name)
        field = kind.fields[name]
        source: Source = source_of(field)
        match source:
            case FromType(value):
                return Constant(key, value)
            case FromRelation():
                self._follows = True
                asks_count = source.counts and self._counts(nodes)
                arguments = Arguments(source, field, nodes[0], asks_count=asks_count)
                return Related(key, source.relation, arguments.bind, self._wanted(field, nodes), source.show)
            case FromOwner():
                wanted = self._wanted(field, nodes)
                if wanted is None:
                    return _leaf(key, source)
                return Nested(key, _getter(source.get), wanted, source.many)
        raise TypeError(f"{kind.name}.{name} is no field of an object")

    def _counts(self, nodes: list[FieldNode]) -> bool:
        """Whether a connection's `totalCount` is asked for."""
        waiting: list[SelectionNode | FragmentDefinitionNode] = list(nodes)
        visited: set[str] = set()
        while waiting:
            node: Any = waiting.pop()
            for selection in node.selection_set.selections:
                if isinstance(selection, FragmentSpreadNode):
                    if selection.name.value not in visited:
                        visited.add(selection.name.value)
                        waiting.append(self._fragments[selection.name.value])
                elif not isinstance(selection, FieldNode):
                    waiting.append(selection)
                elif selection.name.value == "totalCount":
                    return True
        return False

    def _collect(self, kind: GraphQLObjectType, nodes: Iterable[Any]) -> dict[str, list[FieldNode]]:
        """The fields of selection sets that apply to a type, by the key under which each is shown."""
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for node in nodes:
            self._gather(kind, node, found, visited)
        return found

    def _gather(self, kind: GraphQLObjectType, node: Any, found: dict[str, list[FieldNode]], visited: set[str]) -> None:
        for selection in node.selection_set.selections:
            if selection.directives and not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                found.setdefault(key, []).append(selection)
                continue
            inner: Any = selection
            if isinstance(selection, FragmentSpreadNode):
                if selection.name.value in visited:
                    continue
                visited.add(selection.name.value)
                inner = self._fragments[selection.name.value]
            if self._applies(inner, kind):
                self._gather(kind, inner, found, visited)

    def _included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            if directive.name.value in _CONDITIONS:
                (condition,) = directive.arguments or ()
                value: Any = condition.value
                holds = self._conditions[value.name.value] if isinstance(value, VariableNode) else value.value
                if holds == (directive.name.value == "skip"):
                    return False
        return True

    def _applies(self, fragment: Any, kind: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        condition = self._schema.get_type(fragment.type_condition.name.value)
        return condition is kind or (isinstance(condition, GraphQLUnionType) and kind in condition.types)


def _leaf(key: str, source: FromOwner) -> Leaf:
    """A plain value: the attribute itself where nothing is to be made of it, which is quickest."""
    if source.show is None:
        return Leaf(key, source.get, source.may_be_unset)
    get, show = _getter(source.get), source.show
    if not source.may_be_unset:
        return Leaf(key, lambda owner: show(get(owner)))
    return Leaf(key, lambda owner: None if (value := get(owner)) is UNSET else show(value))


def _getter(get: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    return operator.attrgetter(get) if isinstance(get, str) else get
