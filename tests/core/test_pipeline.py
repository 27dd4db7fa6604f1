"""Who may call, how often, and that nobody is told more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.context import ANONYMOUS
from septet.core.errors import Forbidden, TooMany, Unauthenticated
from septet.core.floor import FLOOR
from support.app import running_septet
from support.calls import Caller, person
from support.sample_system import NOTES

SYSTEMS = [FLOOR, NOTES]


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/septet.db"


async def test_without_a_token_what_needs_a_scope_is_refused(tmp_path: Path) -> None:
    async with running_septet(url_in(tmp_path), tmp_path, systems=SYSTEMS) as septet:
        with pytest.raises(Unauthenticated):
            await Caller(septet, ANONYMOUS)("list_notes")
        assert (await Caller(septet, ANONYMOUS)("echo", label="hi")).label == "hi"


async def test_a_token_without_the_scope_is_refused(tmp_path: Path) -> None:
    async with running_septet(url_in(tmp_path), tmp_path, systems=SYSTEMS) as septet:
        reader = Caller(septet, person(1, frozenset({"notes:read"})))
        assert (await reader("list_notes")).items == []
        with pytest.raises(Forbidden, match="notes:write"):
            await reader("create_note", body={"title": "never"})


async def test_the_default_limit_holds_for_each_caller_and_is_told(tmp_path: Path) -> None:
    async with running_septet(url_in(tmp_path), tmp_path, systems=SYSTEMS, limits=True, limit_default=2) as septet:
        ann, ben = Caller(septet, person(1)), Caller(septet, person(2))
        await ann("list_notes")
        assert [standing.remaining for standing in ann.last.standings] == [1]
        await ann("list_notes")
        with pytest.raises(TooMany) as refused:
            await ann("list_notes")
        assert 0 < refused.value.retry_after <= 30
        await ben("list_notes")


async def test_anonymous_callers_are_told_apart_by_address(tmp_path: Path) -> None:
    async with running_septet(url_in(tmp_path), tmp_path, systems=SYSTEMS, limits=True, limit_default=1) as septet:
        await Caller(septet, ANONYMOUS, "203.0.113.1")("echo", label="hi")
        await Caller(septet, ANONYMOUS, "203.0.113.2")("echo", label="hi")
        with pytest.raises(TooMany):
            await Caller(septet, ANONYMOUS, "203.0.113.1")("echo", label="hi")


async def test_limits_are_spent_before_arguments_are_looked_at(tmp_path: Path) -> None:
    async with running_septet(url_in(tmp_path), tmp_path, systems=SYSTEMS, limits=True, limit_default=1) as septet:
        ann = Caller(septet, person(1))
        with pytest.raises(Exception, match="title"):
            await ann("create_note", body={})
        with pytest.raises(TooMany):
            await ann("create_note", body={})
