"""How much a document may ask for, found out before any of it runs.

Two things are bounded. The work of checking a document: comparing fields that may have to be merged takes time that
grows with the square of the fragments and of the fields of one name, so those are counted first (`refuse_tangle`),
and levels with them (`refuse_depth`). And what it asks for: `Measure` goes through a valid document and counts the
operations that it calls, and its cost: the most values that the reply can hold. What lies in a list counts as many
times as its `first`, `last` or `limit` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.language import ast
from msgspec import Struct

from septet.doors.graphql.problems import too_large
from septet.doors.graphql.sources import FromOperation, source_of

MOST_FRAGMENTS = 50
MOST_REPEATS = 50
MOST_PAIRS = 5000
MOST_DIRECTIVES = 50
UNKNOWN_SIZE = 10  # of a list that does not say how long it is
_LARGEST = 2**31
_SIZES = ("first", "last", "limit")
INTROSPECTION = frozenset({"__schema", "__type"})


def refuse_tangle(document: DocumentNode) -> None:
    """Raise Refused for a document that would take long to validate. In linear time: it is not valid yet."""
    fragments = repeats = directives = 0
    groups: Counter[str] = Counter()  # fields with a selection, by the name under which they are shown
    waiting: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            fragments += isinstance(definition, FragmentDefinitionNode)
            directives += len(definition.directives or ())
            waiting.append(definition.selection_set)
    while waiting:
        names: set[str] = set()
        beside = [waiting.pop()]  # the selection set, and those of the inline fragments in it
        while beside:
            for selection in beside.pop().selections:
                directives += len(selection.directives or ())
                if isinstance(selection, InlineFragmentNode):
                    beside.append(selection.selection_set)
                elif isinstance(selection, FieldNode):
                    name = selection.alias.value if selection.alias else selection.name.value
                    repeats += name in names
                    names.add(name)
                    if selection.selection_set is not None:
                        groups[name] += 1
                        waiting.append(selection.selection_set)
    pairs = sum(count * (count - 1) // 2 for count in groups.values())
    for count, most, what in (
        (fragments, MOST_FRAGMENTS, "fragments"),
        (repeats, MOST_REPEATS, "fields beside another of the same name"),
        (pairs, MOST_PAIRS, "pairs of fields with selections under the same name"),
        (directives, MOST_DIRECTIVES, "directives"),
    ):
        if count > most:
            raise too_large(f"At most {most:,} {what}; this document has {count:,}.")


def refuse_depth(document: DocumentNode, most: int) -> None:
    """Raise Refused for more than `most` levels of fields, through fragments too, even if they lead to themselves.

    What lies below `__schema` and `__type` has its own rules.
    """
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    waiting = [(each.selection_set, 1) for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    reached: dict[str, int] = {}  # the deepest level at which a fragment was gone through
    while waiting:
        selections, depth = waiting.pop()
        if depth > most and selections.selections:
            raise too_large(f"At most {most} levels of fields.")
        for each in selections.selections:
            if isinstance(each, FieldNode):
                if each.selection_set is not None and each.name.value not in INTROSPECTION:
                    waiting.append((each.selection_set, depth + 1))
            elif isinstance(each, InlineFragmentNode):
                waiting.append((each.selection_set, depth))
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                if name in fragments and reached.get(name, 0) < depth:
                    reached[name] = depth
                    waiting.append((fragments[name].selection_set, depth))


class Extent(Struct, frozen=True):
    """How much an operation of a document asks for."""

    roots: int
    cost: int


class Measure:
    """Measures one valid document, in which no fragment leads back to itself."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._variables: Mapping[str, Any] = {}
        self._costs: dict[tuple[str, int | None], int] = {}
        self._root_counts: dict[str, int] = {}

    def of(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Extent:
        """The extent of an operation when it is called with `variables`, coerced and with their defaults."""
        self._variables = variables
        self._costs.clear()
        root = self._schema.get_root_type(operation.operation)
        return Extent(self._roots(operation.selection_set), self._within(operation.selection_set, root, None))

    def _roots(self, selections: SelectionSetNode) -> int:
        """Operations that are called: fields at the top, also through fragments."""
        count = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                count += not each.name.value.startswith("__")
            elif isinstance(each, InlineFragmentNode):
                count += self._roots(each.selection_set)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                if name not in self._root_counts:
                    self._root_counts[name] = self._roots(self._fragments[name].selection_set)
                count += self._root_counts[name]
        return count

    def _within(self, selections: SelectionSetNode, kind: Any, size: int | None) -> int:
        """Values below one object. `size` is how long a connection's own list is, inside of one."""
        cost = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                cost += self._of_field(each, kind, size)
            elif isinstance(each, FragmentSpreadNode):
                cost += self._of_fragment(self._fragments[each.name.value], size)
            elif isinstance(each, InlineFragmentNode):
                named = each.type_condition
                inner = kind if named is None else self._schema.get_type(named.name.value)
                cost += self._within(each.selection_set, inner, size)
        return cost

    def _of_fragment(self, fragment: FragmentDefinitionNode, size: int | None) -> int:
        """Each fragment is gone through once, however often it is used."""
        key = fragment.name.value, size
        if key not in self._costs:
            kind = self._schema.get_type(fragment.type_condition.name.value)
            self._costs[key] = self._within(fragment.selection_set, kind, size)
        return self._costs[key]

    def _of_field(self, node: FieldNode, owner: Any, size: int | None) -> int:
        if node.selection_set is None or node.name.value in INTROSPECTION:
            return 1
        field: GraphQLField = owner.fields[node.name.value]
        own = self._size_of(node, field)
        kind: GraphQLNamedType = get_named_type(field.type)
        if not is_list_type(get_nullable_type(field.type)):
            return 1 + self._within(node.selection_set, kind, own)
        times = next(known for known in (own, size, UNKNOWN_SIZE) if known is not None)
        return 1 + times * max(1, self._within(node.selection_set, kind, None))

    def _size_of(self, node: FieldNode, field: GraphQLField) -> int | None:
        """How long the list is that a field says the length of; None if it does not."""
        if not any(name in field.args for name in _SIZES):
            return None
        given = [self._number(argument.value) for argument in node.arguments or () if argument.name.value in _SIZES]
        known = [size for size in given if size is not None]
        if known:
            return max(0, *known)
        return _usual_size(field)

    def _number(self, value: ast.ValueNode) -> int | None:
        if isinstance(value, IntValueNode):
            return min(int(value.value), _LARGEST)
        found = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return min(found, _LARGEST) if isinstance(found, int) else None


def _usual_size(field: GraphQLField) -> int:
    """How many items a list has where the caller does not say."""
    source = source_of(field)
    declared = source.operation if isinstance(source, FromOperation) else source.relation
    usual = next((argument.default for argument in declared.arguments if argument.name in _SIZES), None)
    return usual if isinstance(usual, int) else UNKNOWN_SIZE
