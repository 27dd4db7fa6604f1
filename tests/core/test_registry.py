"""Cards are gathered in order of need, and their contradictions refused at start."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from septet.core.context import Context
from septet.core.errors import Conflict, Problem
from septet.core.events import Event, on, task
from septet.core.floor import FLOOR
from septet.core.operation import operation
from septet.core.registry import Registry, in_order_of_need
from septet.core.system import Scope, System


class NoteWritten(Event):
    ordered_by = "note"
    note: str


@operation.get("/v1/notes", scope="notes:read")
async def list_notes(ctx: Context) -> None: ...


@on(NoteWritten)
async def index_note(ctx: Context, event: NoteWritten) -> None: ...


def module_of(*functions: Callable[..., Any]) -> types.ModuleType:
    module = types.ModuleType(__name__)
    for function in functions:
        setattr(module, function.__name__, function)
    return module


def card(name: str, *functions: Callable[..., Any], **options: Any) -> System:
    return System(name=name, summary="", modules=(module_of(*functions),), **options)


READ = {"notes:read": Scope("Read notes")}


def test_each_system_comes_after_those_it_needs() -> None:
    chat, social, identity = card("chat", needs=("social",)), card("social", needs=("identity",)), card("identity")
    assert in_order_of_need([chat, social, identity]) == [identity, social, chat]


def test_a_missing_need_and_a_circle_are_refused() -> None:
    with pytest.raises(TypeError, match="chat needs social: add it to SEPTET_SYSTEMS"):
        in_order_of_need([card("chat", needs=("social",))])
    with pytest.raises(TypeError, match="in a circle: chat → social → chat"):
        in_order_of_need([card("chat", needs=("social",)), card("social", needs=("chat",))])


def test_operations_tasks_and_scopes_are_gathered() -> None:
    admin = Scope("Run the place", members=False)
    registry = Registry([FLOOR, card("notes", list_notes, index_note, scopes={**READ, "notes:admin": admin})])
    assert registry.operations["list_notes"].system == "notes"
    assert [found.name for found in registry.listeners(NoteWritten)] == ["notes.index_note"]
    assert registry.tasks["notes.index_note"].payload is NoteWritten
    assert "notes:read" in registry.member_scopes
    assert "notes:admin" not in registry.member_scopes


def test_two_operations_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two operations are called list_notes"):
        Registry([card("a", list_notes, scopes=READ), card("b", list_notes)])


def test_a_scope_that_no_card_declares_is_refused() -> None:
    with pytest.raises(TypeError, match="list_notes: no card declares the scope notes:read"):
        Registry([card("notes", list_notes)])


def test_two_problems_of_one_code_are_refused() -> None:
    class OtherConflict(Problem):
        code = Conflict.code

    with pytest.raises(TypeError, match="two problems have the code conflict"):
        Registry([card("notes", problems=(OtherConflict,))])


def test_a_task_that_does_not_take_the_context_first_is_refused() -> None:
    @task()
    async def careless(payload: NoteWritten, ctx: Context) -> None: ...

    with pytest.raises(TypeError, match="a task's first argument is ctx"):
        Registry([card("notes", careless)])
