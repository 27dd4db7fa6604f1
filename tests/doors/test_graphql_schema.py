"""The GraphQL schema of what systems declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
from graphql import GraphQLSchema, assert_valid_schema, print_type

from septet.core.context import Context
from septet.core.floor import FLOOR
from septet.core.operation import operation
from septet.core.registry import Registry
from septet.core.relation import relation
from septet.core.system import System
from septet.core.types import Output
from septet.doors.graphql.names import camel
from septet.doors.graphql.schema import build_schema
from septet.settings import Settings
from septet.systems import installed_systems
from support.doors import named
from support.graph_system import GRAPH
from support.sample_system import NOTES


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(Registry([FLOOR, NOTES, GRAPH]))


def test_the_schema_of_all_systems_is_valid_and_describes_every_field() -> None:
    registry = Registry(installed_systems(Settings()))
    schema = build_schema(registry)
    assert_valid_schema(schema)
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    fields = schema.query_type.fields | schema.mutation_type.fields
    assert len(fields) == len(registry.operations)
    assert [name for name, field in fields.items() if not field.description] == []


def test_reading_operations_are_queries_and_the_others_mutations(schema: GraphQLSchema) -> None:
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    assert {"listNotes", "readNote", "countNotes"} <= set(schema.query_type.fields)
    assert {"createNote", "wave"} <= set(schema.mutation_type.fields)
    assert not set(schema.query_type.fields) & set(schema.mutation_type.fields)


def arguments_of(schema: GraphQLSchema, kind: str, field: str) -> dict[str, str]:
    found: Any = schema.type_map[kind]
    return {
        name: f"{argument.type}" + (f" = {argument.default.value}" if argument.default else "")
        for name, argument in found.fields[field].args.items()
    }


PAGED = {"first": "Int", "after": "String", "last": "Int", "before": "String"}


@pytest.mark.parametrize(
    ("kind", "field", "arguments"),
    named(
        ("path", "Query", "readNote", {"id": "ID!"}),
        ("header and body", "Mutation", "changeNote", {"id": "ID!", "input": "NotePatchInput!", "ifMatch": "String"}),
        ("pages", "Query", "listNotes", PAGED),
        ("a page without places", "Query", "listWords", {"first": "Int"}),
        ("what counts has no argument for it", "Note", "siblings", PAGED),
        ("required and default", "Note", "forecast", {"days": "Int!", "mood": "Mood! = GOOD"}),
        ("lists and values", "Query", "echo", {
            "label": "String!", "number": "[Long!]! = []", "loud": "Boolean! = False", "ratio": "Float",
            "since": "DateTime", "color": "Color",
        }),
        ("any JSON", "Query", "anything", {"value": "JSON"}),
    ),
)  # fmt: skip
def test_arguments(schema: GraphQLSchema, kind: str, field: str, arguments: dict[str, str]) -> None:
    assert arguments_of(schema, kind, field) == arguments


PERSON = '''
"""Who owns notes."""
type Person {
  id: ID!
  name: String!
  mood: Mood
  moods: [Mood!]!
  address: Address
  friendId: ID
  extra: JSON!
  nick: String
  wish: Mood

  """Whom they like."""
  friend: Person

  """Whom those like: nobody may know, and some have no friend."""
  friendsOfFriend: [Person!]
'''
LETTER = '''
"""Something to send."""
input LetterInput {
  toWhom: ID!
  way: ByPostOrByWireInput!
  mood: Mood! = GOOD
  copies: [ByPostInput!]
  remark: String
}
'''
ONE_OF = """
input ByPostOrByWireInput @oneOf {
  byPost: ByPostInput
  byWire: ByWireInput
}
"""
CONNECTION = '''
"""One page of a list."""
type NoteConnection {
  """The items with their places."""
  edges: [NoteEdge!]!

  """The items."""
  nodes: [Note!]!

  """Where this page lies."""
  pageInfo: PageInfo!

  """How many there are on all pages; null for a list that is not counted."""
  totalCount: Long
}
'''


@pytest.mark.parametrize(
    ("name", "text"),
    named(
        ("objects", "Person", PERSON),
        ("inputs", "LetterInput", LETTER),
        ("a union of inputs", "ByPostOrByWireInput", ONE_OF),
        ("pages", "NoteConnection", CONNECTION),
        ("enums", "Mood", '"""How somebody feels."""\nenum Mood {\n  GOOD\n  SO_SO\n}'),
        ("unions", "KeptOrWaiting", "union KeptOrWaiting = Kept | Waiting"),
        (
            "a tag alone",
            "Waiting",
            '"""The draft is too long to be looked at now."""\ntype Waiting {\n  result: String!\n}',
        ),
    ),
)
def test_types(schema: GraphQLSchema, name: str, text: str) -> None:
    assert print_type(schema.type_map[name]).startswith(text.strip())


@pytest.mark.parametrize(
    ("field", "kind"),
    named(
        ("an object", "readNote", "Note"),
        ("a list", "listPeople", "[Person!]"),
        ("a list of a union", "listThings", "[PictureOrLink!]"),
        ("a page", "listNotes", "NoteConnection"),
        ("a page of values", "listWords", "StringConnection"),
        ("a value", "countNotes", "Long"),
        ("nothing", "removeNote", "Boolean"),
    ),
)
def test_a_root_field_may_be_null(schema: GraphQLSchema, field: str, kind: str) -> None:
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    found = (schema.query_type.fields | schema.mutation_type.fields)[field]
    assert str(found.type) == kind


@pytest.mark.parametrize(
    ("name", "read"),
    named(("words", "read_my_note", "readMyNote"), ("one", "echo", "echo"), ("a keyword", "from_", "from")),
)
def test_names(name: str, read: str) -> None:
    assert camel(name) == read


class Apple(Output):
    """A fruit."""

    id: str


class OtherApple(Output):
    """A computer."""

    id: str


class Tree(Output):
    """Where apples grow."""

    id: str
    first_apple: Apple


OtherApple.__name__ = "Apple"


@operation.get("/v1/fruit/apple", public=True)
async def read_apple(ctx: Context) -> Apple:
    """An apple."""
    return Apple("1")


@operation.get("/v1/fruit/tree", public=True)
async def read_tree(ctx: Context) -> Tree:
    """A tree."""
    return Tree("1", Apple("1"))


@operation.get("/v1/computers/apple", public=True)
async def read_computer(ctx: Context) -> OtherApple:
    """Another apple."""
    return OtherApple("1")


@relation(Tree, "firstApple", public=True)
async def firstApple(ctx: Context, ids: Sequence[str]) -> Mapping[str, str]:
    """It reads as the field `first_apple` does."""
    return {}


def system(name: str, *declared: Any) -> System:
    module = ModuleType(__name__)
    vars(module).update({each.__name__: each for each in declared})
    return System(name=name, summary="Fruit.", modules=(module,))


def test_two_systems_may_use_one_name_for_a_type() -> None:
    registry = Registry([system("fruit", read_apple), system("green_computers", read_computer)])
    kinds = build_schema(registry).type_map
    assert {"Apple", "GreenComputersApple"} <= set(kinds)
    assert kinds["GreenComputersApple"].description == "A computer."


def test_two_fields_that_read_the_same_are_refused() -> None:
    registry = Registry([system("fruit", read_tree, firstApple)])
    with pytest.raises(TypeError, match="two names read firstApple"):
        build_schema(registry)


def test_without_a_change_there_is_no_mutation() -> None:
    schema = build_schema(Registry([system("fruit", read_apple)]))
    assert schema.mutation_type is None
    assert_valid_schema(schema)
