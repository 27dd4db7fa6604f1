"""A declaration only marks its function; what is compiled from it is checked at start."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from septet.core.arguments import IfMatch
from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import Operation, collect, operation
from septet.core.types import Input, Output


class NewNote(Input):
    text: str


class Note(Output):
    text: str


async def change_note(ctx: Context, id: UUID, body: NewNote, loud: bool = False, if_match: IfMatch = None) -> Note:
    """Change a note."""
    return Note(f"{id} {body.text} {loud} {if_match}")


async def delete_note(ctx: Context, id: UUID) -> None:
    """Delete a note."""


def compiled(*functions: Callable[..., Any]) -> list[Operation]:
    module = types.ModuleType("notes")
    for function in functions:
        function.__module__ = "notes"
        setattr(module, function.__name__, function)
    return collect("notes", [module])


def test_the_function_stays_the_function() -> None:
    assert operation.patch("/v1/notes/{id}", scope="notes:write")(change_note) is change_note


def test_arguments_know_where_rest_finds_them() -> None:
    [found] = compiled(operation.patch("/v1/notes/{id}", scope="notes:write", limit=per_minute(3))(change_note))
    assert [(a.name, a.where, a.key, a.required) for a in found.arguments] == [
        ("id", "path", "id", True),
        ("body", "body", "body", True),
        ("loud", "query", "loud", False),
        ("if_match", "header", "If-Match", False),
    ]
    assert found.declared.limits == (per_minute(3),)
    assert found.takes_idempotency_key


async def test_a_call_passes_the_arguments_on() -> None:
    [found] = compiled(operation.patch("/v1/notes/{id}", scope="notes:write")(change_note))
    arguments = msgspec.convert({"id": str(UUID(int=7)), "body": {"text": "hi"}}, found.arguments_type)
    made = await found.call(None, arguments)  # type: ignore[arg-type]
    assert made == Note(f"{UUID(int=7)} hi False None")


def test_an_operation_without_a_reply_answers_204() -> None:
    [found] = compiled(operation.delete("/v1/notes/{id}", scope="notes:write")(delete_note))
    assert found.declared.status == 204


def test_neither_or_both_of_scope_and_public_are_refused() -> None:
    with pytest.raises(TypeError, match="name a scope"):
        operation.get("/v1/notes")
    with pytest.raises(TypeError, match="name a scope"):
        operation.get("/v1/notes", scope="notes:read", public=True)


def test_an_argument_with_the_name_of_a_body_field_is_refused() -> None:
    async def clash(ctx: Context, body: NewNote, text: Annotated[str, None]) -> None: ...

    with pytest.raises(TypeError, match=r"\['text'\] are both arguments and fields of the body"):
        compiled(operation.post("/v1/notes", public=True)(clash))


def test_a_path_that_names_no_argument_is_refused() -> None:
    async def lost(ctx: Context) -> None: ...

    with pytest.raises(TypeError, match=r"the path names \['id'\]"):
        compiled(operation.post("/v1/notes/{id}", public=True)(lost))


def test_what_a_module_merely_imports_is_left_out() -> None:
    module = types.ModuleType("other")
    setattr(module, "change_note", operation.patch("/v1/notes/{id}", scope="notes:write")(change_note))
    assert collect("other", [module]) == []
