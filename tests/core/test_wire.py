"""The rules of the wire are kept at start, each refusal naming operation and place."""

from __future__ import annotations

import types
from datetime import datetime
from enum import Enum
from typing import Any, Literal

import pytest
from msgspec import Struct

from septet.core.context import Context
from septet.core.operation import Operation, collect, operation
from septet.core.types import Input, Instant, Int, Output, Page
from septet.core.wire import check_wire_types


class Fine(Output):
    number: Int
    moment: Instant | None
    numbers: list[Int]


class Bare(Output):
    number: int


class Zoneless(Output):
    moment: datetime


class Chosen(Output):
    choice: Literal["a", "b"]


class Colour(Enum):
    RED = 1


class Coloured(Output):
    colour: Colour


class Plain(Struct):
    text: str


class Nested(Output):
    inner: list[Bare]


class NewThing(Input):
    text: str


def declared(returns: Any, body: Any = None) -> list[Operation]:
    if body is None:

        async def read_thing(ctx: Context) -> Any: ...

        read_thing.__annotations__["return"] = returns
        marked = operation.get("/v1/things", public=True)(read_thing)
    else:

        async def make_thing(ctx: Context, body: Any) -> Any: ...

        make_thing.__annotations__.update({"return": returns, "body": body})
        marked = operation.post("/v1/things", public=True)(make_thing)
    module = types.ModuleType("things")
    marked.__module__ = "things"
    setattr(module, marked.__name__, marked)
    return collect("things", [module])


def test_what_keeps_the_rules_passes() -> None:
    check_wire_types(declared(Page[Fine]))
    check_wire_types(declared(Fine, NewThing))


@pytest.mark.parametrize(
    ("returns", "body", "words"),
    [
        (Bare, None, r"read_thing: reply\.number: an integer needs bounds"),
        (Zoneless, None, r"reply\.moment: a time needs its zone"),
        (Chosen, None, r"reply\.choice: a Literal has no name"),
        (Coloured, None, r"reply\.colour: Colour is not a StrEnum"),
        (Plain, None, r"reply: Plain is not an Output"),
        (Nested, None, r"reply\.inner\[\]\.number: an integer needs bounds"),
        (Fine, Fine, r"make_thing: body: Fine is not an Input"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(returns: Any, body: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        check_wire_types(declared(returns, body))
