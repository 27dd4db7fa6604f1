"""Documents: parsed, checked against the schema, and remembered, so that a client that repeats itself pays once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    MaxIntrospectionDepthRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    ValidationRule,
    VariableNode,
    Visitor,
    get_location,
    parse,
    specified_rules,
    validate,
    visit,
)

from septet.core.operation import Operation
from septet.doors.graphql.limits import INTROSPECTION, Extent, Measure, refuse_depth, refuse_tangle
from septet.doors.graphql.problems import Location, Refused, refused, too_large
from septet.doors.graphql.sources import FromOperation, source_of
from septet.settings import Settings

MOST_ERRORS = 10  # that are told of one document
CHARACTERS_A_TOKEN = 50  # so long a document may be on average, strings and comments included
MOST_KEPT_TOKENS = 50_000  # of remembered documents, at some 400 bytes each
_MOST_KEPT_EXTENTS = 16  # of one document, by the variables that its size depends on


class Document:
    """A document that fits the schema. `tokens` are its words and signs."""

    def __init__(self, schema: GraphQLSchema, node: DocumentNode) -> None:
        self.node = node
        self.tokens = node.token_count
        self.operations = {
            definition.name.value if definition.name else "": definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        self._fragments = {
            definition.name.value: definition
            for definition in node.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._schema = schema
        self._calls: dict[int, tuple[Operation, ...]] = {}
        self._measure = Measure(schema, node)
        self._variables = _variables_in(node)
        self._extents: dict[tuple[Any, ...], Extent] = {}

    def calls(self, operation: OperationDefinitionNode) -> tuple[Operation, ...]:
        """What it may call."""
        calls = self._calls.get(id(operation))
        if calls is None:
            root = self._schema.get_root_type(operation.operation)
            assert root is not None
            names = {field.name.value for field in self._fields(operation, set())}
            sources = [source_of(root.fields[name]) for name in names if name in root.fields]
            called = [source.operation for source in sources if isinstance(source, FromOperation)]
            calls = self._calls[id(operation)] = tuple(called)
        return calls

    def introspects(self, operation: OperationDefinitionNode) -> bool:
        """Whether it asks about the schema itself."""
        return any(field.name.value in INTROSPECTION for field in self._fields(operation, set()))

    def places_of(self, operation: OperationDefinitionNode, path: Sequence[str | int]) -> tuple[Location, ...]:
        """Where the document asks for what stands at `path` of the reply."""
        found: list[FieldNode] = []
        within: list[Any] = [operation]
        for key in path:
            if isinstance(key, str):
                found = [field for each in within for field in self._fields(each, set()) if _key_in_reply(field) == key]
                within = [field for field in found if field.selection_set is not None]
        places = (get_location(field.loc.source, field.loc.start) for field in found if field.loc is not None)
        return tuple(Location(place.line, place.column) for place in places)

    def _fields(self, node: Any, seen: set[str]) -> Iterator[FieldNode]:
        """The fields right below a node, each fragment gone through once."""
        for each in node.selection_set.selections:
            if isinstance(each, FieldNode):
                yield each
            elif isinstance(each, InlineFragmentNode):
                yield from self._fields(each, seen)
            elif each.name.value not in seen:
                seen.add(each.name.value)
                yield from self._fields(self._fragments[each.name.value], seen)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one. Raises Refused if it is not told which."""
        if name:
            found = self.operations.get(name)
        else:
            found = next(iter(self.operations.values())) if len(self.operations) == 1 else None
        if found is None:
            wanted = f"There is no operation {name[:100]!r} in the document." if name else "Say which by operationName."
            raise refused([GraphQLError(wanted)])
        return found

    def extent(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Extent:
        """How much the operation asks for with these variables, which were coerced: a client may write 90 as 90.0."""
        numbers = [variables.get(name) for name in self._variables]
        key = (id(operation), *(number if isinstance(number, int) else None for number in numbers))
        extent = self._extents.get(key)
        if extent is None:
            if len(self._extents) >= _MOST_KEPT_EXTENTS:
                self._extents.clear()
            extent = self._extents[key] = self._measure.of(operation, variables)
        return extent


class Documents:
    """The documents that were asked with, the latest at the end. Only valid ones are remembered."""

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._most_characters = settings.graphql_tokens * CHARACTERS_A_TOKEN
        self._most_depth = settings.graphql_depth
        self._hide_schema = not settings.graphql_introspection
        guards: list[type[ASTValidationRule]] = [MaxIntrospectionDepthRule, PlainIntrospectionRule]
        if self._hide_schema:
            guards = [NoSchemaIntrospectionCustomRule]
        self._rules = [*specified_rules, *guards]
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._kept_tokens = 0

    def known(self, source: str) -> Document | None:
        """The document of a text that was asked with before."""
        document = self._kept.get(source)
        if document is not None:
            self._kept.move_to_end(source)
        return document

    def read(self, source: str, most_tokens: int) -> Document:
        """The document of a text. Raises Refused for one that is too large, no GraphQL, or does not fit the schema."""
        if len(source) > self._most_characters:
            raise too_large(f"At most {self._most_characters:,} characters of document.")
        try:
            node = parse(source, max_tokens=most_tokens)
        except GraphQLError as error:
            if f"more than {most_tokens} tokens" in error.message:
                raise too_large(f"At most {most_tokens:,} tokens of document.") from None
            raise refused([error]) from None
        try:
            refuse_tangle(node)
            refuse_depth(node, self._most_depth)
            errors = validate(self._schema, node, self._rules, MOST_ERRORS, hide_suggestions=self._hide_schema)
            if errors:
                raise refused(errors[:MOST_ERRORS])
        except Refused as refusal:
            refusal.tokens = node.token_count
            raise
        document = Document(self._schema, node)
        self._keep(source, document)
        return document

    def _keep(self, source: str, document: Document) -> None:
        self._kept[source] = document
        self._kept_tokens += document.tokens
        while self._kept_tokens > MOST_KEPT_TOKENS:
            self._kept_tokens -= self._kept.popitem(last=False)[1].tokens


class PlainIntrospectionRule(ValidationRule):
    """No aliases where the schema is asked about itself: with them, a short document makes an endless reply."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.context.get_parent_type()
        inside = parent is not None and parent.name.startswith("__")
        if node.alias is not None and (inside or node.name.value in {"__schema", "__type"}):
            self.report_error(GraphQLError("Ask about the schema without aliases.", node))


def _key_in_reply(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _variables_in(node: DocumentNode) -> list[str]:
    """The variables of a document, by name; any of them may say how long a list is."""
    found: set[str] = set()

    class Collect(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.add(node.name.value)

    visit(node, Collect())
    return sorted(found)
