"""The GraphQL schema of what the chosen systems declare.

Reading operations are the fields of Query, the others those of Mutation; relations are fields of the objects that own
them. The schema has no resolvers: each field says where its value comes from (`sources.py`), and `plan.py` compiles
documents into that. A field of Query or Mutation, and a relation, is nullable: if it fails, it is null and its
siblings live. What gives nothing is `true` once it is done.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLBoolean, GraphQLField, GraphQLObjectType, GraphQLSchema
from msgspec import inspect as shapes

from septet.core.arguments import Argument
from septet.core.operation import Operation
from septet.core.registry import Registry
from septet.core.relation import Relation
from septet.core.runtime import Runtime
from septet.core.types import Page
from septet.doors.graphql.names import TypeNames, by_camel_name
from septet.doors.graphql.schema_inputs import Inputs
from septet.doors.graphql.schema_outputs import Enums, Outputs, Shown
from septet.doors.graphql.sources import FromOperation, FromOwner, FromRelation, kept


def schema_of(runtime: Runtime) -> GraphQLSchema:
    """The schema of a running server, built when it is first asked for."""
    if GraphQLSchema not in runtime.memory:
        runtime.memory[GraphQLSchema] = build_schema(runtime.registry)
    schema: GraphQLSchema = runtime.memory[GraphQLSchema]
    return schema


def build_schema(registry: Registry) -> GraphQLSchema:
    """Raises TypeError where two declarations have one name in GraphQL."""
    build = _Build(registry)
    reads = [operation for operation in registry.operations.values() if not operation.writes]
    writes = [operation for operation in registry.operations.values() if operation.writes]
    return GraphQLSchema(
        query=build.root("Query", "What can be read. All fields of a query see one moment.", reads),
        mutation=build.root("Mutation", "What can be changed. Fields run one after another, each for itself.", writes)
        if writes
        else None,
    )


class _Build:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._names = TypeNames()
        enums = Enums(self._names)
        self._inputs = Inputs(self._names, enums)
        self._outputs = Outputs(self._names, enums, self._relations_of)

    def root(self, name: str, description: str, operations: list[Operation]) -> GraphQLObjectType:
        fields = by_camel_name(name, {operation.name: self._of_operation(operation) for operation in operations})
        if not fields:  # GraphQL knows no empty object
            nothing = FromOwner(lambda _: True)
            fields = {"nothing": GraphQLField(GraphQLBoolean, description="Always true.", extensions=kept(nothing))}
        return GraphQLObjectType(name, fields, description=description)

    def _of_operation(self, operation: Operation) -> GraphQLField:
        self._names.system = operation.system
        shape = shapes.type_info(operation.returns)
        if isinstance(shape, shapes.NoneType):
            shown = Shown(GraphQLBoolean, show=lambda _: True)
        else:
            shown = self._outputs.of(shape)
        paged, counts = _paging(operation.returns, operation.arguments)
        return GraphQLField(
            shown.nullable,
            self._inputs.arguments(
                operation.name, operation.arguments, operation.arguments_type, paged=paged, counts=counts
            ),
            description=operation.doc,
            extensions=kept(FromOperation(operation, shown.show, shown.many, paged, counts)),
        )

    def _relations_of(self, owner: type) -> Mapping[str, GraphQLField]:
        return {name: self._of_relation(found) for name, found in self._registry.relations_of(owner).items()}

    def _of_relation(self, relation: Relation) -> GraphQLField:
        self._names.system = relation.system
        shown = self._outputs.of(shapes.type_info(relation.returns))
        paged, counts = _paging(relation.returns, relation.arguments)
        return GraphQLField(
            shown.nullable,
            self._inputs.arguments(
                f"{relation.owner.__name__}.{relation.name}",
                relation.arguments,
                relation.arguments_type,
                paged=paged,
                counts=counts,
            ),
            description=relation.doc,
            extensions=kept(FromRelation(relation, shown.show, paged, counts)),
        )


def _paging(returns: Any, arguments: tuple[Argument, ...]) -> tuple[bool, bool]:
    """Whether a list takes `limit`, and whether it counts on demand, by `count: bool = False`."""
    if typing.get_origin(returns) is not Page:
        return False, False
    counts = any(argument.name == "count" and argument.default is False for argument in arguments)
    return any(argument.name == "limit" for argument in arguments), counts
