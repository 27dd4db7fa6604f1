"""Random documents, by walking the schema: valid ones, with whatever a document may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from graphql import (
    EnumValueNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    parse_value,
)
from graphql.utilities import value_from_ast_untyped
from hypothesis import strategies as st
from msgspec import Struct

_NUMBERS = (0, 1, 2, 3, 3, 7, 60, 60, 400, -1)
_TEXTS = ("x", "Groceries", "a b c", "", "n\\u0000l", "2026-01-01T00:00:00Z", "zoë")
_JSONS = ('{a: 1, b: [true, null, "x"]}', "{}", "{deep: {er: 1.5}}")


class Request(Struct):
    """A document and its variables."""

    text: str
    variables: dict[str, Any]
    changes: bool


class Variable(Struct):
    name: str
    type: str
    default: str | None


class Writer:
    """Writes one document. `draw` takes from a hypothesis strategy; `ids` and `cursors` are some that are there."""

    def __init__(self, schema: GraphQLSchema, draw: Callable[..., Any], ids: list[str], cursors: list[str]) -> None:
        self._schema = schema
        self._draw = draw
        self._ids = ids
        self._cursors = cursors
        self._names = 0
        self._variables: list[Variable] = []
        self._values: dict[str, Any] = {}
        self._fragments: list[tuple[str, str]] = []  # type and text

    def write(self, changes: bool) -> Request:
        root = self._schema.mutation_type if changes else self._schema.query_type
        assert root is not None
        fields = self._some(sorted(root.fields), 1, 4)
        parts = [self._field(name, root.fields[name], 4) for name in fields]
        if self._chance(8):
            parts.append("kind: __typename")
        if not changes and self._chance(8):
            parts.append('shape: __type(name: "Note") { name kind fields { name } }')
        body = " ".join(parts)
        declared = ", ".join(f"${v.name}: {v.type}" + (f" = {v.default}" if v.default else "") for v in self._variables)
        head = f"{'mutation' if changes else 'query'} Asked{f'({declared})' if declared else ''}"
        return Request(
            " ".join([f"{head} {{ {body} }}", *(text for _, text in self._fragments)]), self._values, changes
        )

    def _number(self, most: int) -> int:
        return int(self._draw(st.integers(0, most)))

    def _chance(self, of: int) -> bool:
        return self._number(of - 1) == of - 1

    def _one(self, of: Any) -> Any:
        return of[self._number(len(of) - 1)]

    def _some(self, of: list[str], least: int, most: int) -> list[str]:
        return [self._one(of) for _ in range(least + self._number(most - least))]

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        """A field; under a name of its own where it has arguments, so that no two of one name differ."""
        arguments = self._arguments(field)
        alias = f"{self._name('a')}: " if arguments or self._chance(6) else ""
        text = f"{alias}{name}{arguments}"
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            return text + self._condition()
        made = f"{text}{self._condition()} {self._selection(inner, depth - 1)}"
        if self._chance(6):  # the same again, wanting something else of it
            made += f" {text} {self._selection(inner, depth - 2)}"
        return made

    def _condition(self) -> str:
        if not self._chance(7):
            return ""
        directive = self._one(("skip", "include"))
        value = self._one(("true", "false")) if self._chance(2) else self._variable("Boolean!", self._chance(2), "true")
        return f" @{directive}(if: {value})"

    def _selection(self, kind: Any, depth: int) -> str:
        parts = ["__typename"] if self._chance(4) else []
        if isinstance(kind, GraphQLUnionType):
            parts += [self._inline(self._one(kind.types), depth) for _ in range(1 + self._number(2))]
        else:
            names = self._fields_at(kind, depth)
            parts += [self._field(name, kind.fields[name], depth) for name in self._some(names, 1, 4)]
            if depth > 0 and self._chance(6):
                parts.append(self._inline(kind, depth - 1))
            if self._chance(6):
                parts.append(self._spread(kind, depth))
        return "{ " + " ".join(parts) + " }"

    def _fields_at(self, kind: GraphQLObjectType, depth: int) -> list[str]:
        """All fields; only plain ones where the document is deep enough, or what leads to one soonest."""
        plain = [name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))]
        return list(kind.fields) if depth > 0 or not plain else plain

    def _inline(self, kind: GraphQLObjectType, depth: int) -> str:
        condition = "" if self._chance(5) else f" on {kind.name}"
        if not condition:
            return f"...{self._condition()} {{ __typename }}"
        return f"...{condition}{self._condition()} {self._selection(kind, depth)}"

    def _spread(self, kind: GraphQLObjectType, depth: int) -> str:
        known = [text.split()[1] for of, text in self._fragments if of == kind.name]
        if known and self._chance(2):
            return f"...{self._one(known)}{self._condition()}"
        body = self._selection(kind, depth - 1)
        name = self._name("F")
        self._fragments.append((kind.name, f"fragment {name} on {kind.name} {body}"))
        return f"...{name}{self._condition()}"

    def _arguments(self, field: GraphQLField) -> str:
        parts = []
        for name, argument in field.args.items():
            required = isinstance(argument.type, GraphQLNonNull) and argument.default is None
            if required or self._chance(3):
                parts.append(f"{name}: {self._value(name, argument, argument.type)}")
        return f"({', '.join(parts)})" if parts else ""

    def _value(self, name: str, place: GraphQLArgument | GraphQLInputField | None, kind: Any) -> str:
        """A value at a place, as a literal or a variable; where there is a default the variable may be null."""
        if not self._chance(4):
            return self._literal(name, kind)
        may_be_null = place is not None and place.default is not None and self._chance(2)
        declared = kind.of_type if may_be_null and isinstance(kind, GraphQLNonNull) else kind
        default = self._literal(name, declared, constant=True) if self._chance(3) else None
        if isinstance(kind, GraphQLNonNull) and not may_be_null and default == "null":
            default = None
        absent = (default is not None or not isinstance(declared, GraphQLNonNull)) and self._chance(2)
        return self._variable(str(declared), absent, default, self._literal(name, declared, constant=True))

    def _variable(self, kind: str, absent: bool, default: str | None, given: str | None = None) -> str:
        name = self._name("v")
        self._variables.append(Variable(name, kind, default))
        if not absent:
            literal = self._one(("true", "false")) if given is None else given
            self._values[name] = _as_json(literal)
        return f"${name}"

    def _literal(self, name: str, kind: Any, *, constant: bool = False) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._literal_of(name, kind.of_type, constant)
        return "null" if self._chance(6) else self._literal_of(name, kind, constant)

    def _literal_of(self, name: str, kind: Any, constant: bool) -> str:
        if isinstance(kind, GraphQLList):
            if self._chance(6):
                return self._literal_of(name, get_named_type(kind), constant)
            inner = kind.of_type
            return "[" + ", ".join(self._item(name, inner, constant) for _ in range(self._number(2))) + "]"
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, constant)
        if isinstance(kind, GraphQLEnumType):
            return str(self._one(sorted(kind.values)))
        return self._scalar(name, kind.name)

    def _item(self, name: str, kind: Any, constant: bool) -> str:
        return self._literal(name, kind, constant=True) if constant else self._value(name, None, kind)

    def _object(self, kind: GraphQLInputObjectType, constant: bool) -> str:
        if kind.is_one_of:
            name = self._one(sorted(kind.fields))
            return f"{{{name}: {self._literal_of(name, kind.fields[name].type, True)}}}"
        parts = []
        for name, field in kind.fields.items():
            required = isinstance(field.type, GraphQLNonNull) and field.default is None
            if required or self._chance(2):
                made = (
                    self._literal(name, field.type, constant=True) if constant else self._value(name, field, field.type)
                )
                parts.append(f"{name}: {made}")
        return "{" + ", ".join(parts) + "}"

    def _scalar(self, name: str, kind: str) -> str:
        if kind in {"Int", "Long"}:
            return str(self._one(_NUMBERS))
        if kind == "Float":
            return str(self._one(("1", "0.5", "-2.25e3")))
        if kind == "Boolean":
            return str(self._one(("true", "false")))
        if kind == "JSON":
            return str(self._one(_JSONS))
        if name in {"after", "before"}:
            return f'"{self._one(self._cursors)}"'
        if kind == "ID":
            return f'"{self._one(self._ids)}"'
        return f'"{self._one(_TEXTS)}"'


def _as_json(literal: str) -> Any:
    """The value that a literal writes, as a client would send it for a variable."""
    node = parse_value(literal)
    return node.value if isinstance(node, EnumValueNode) else value_from_ast_untyped(node)


@st.composite
def requests(draw: Any, schema: GraphQLSchema, ids: list[str], cursors: list[str]) -> Request:
    """A document with its variables, one in four of them a mutation."""
    return Writer(schema, draw, ids, cursors).write(changes=draw(st.integers(0, 3)) == 3)


def written(request: Request) -> str:
    """What to show of a request that went wrong."""
    return f"{request.text}\nwith {msgspec.json.encode(request.variables).decode()}"
