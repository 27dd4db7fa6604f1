"""`septet explain` tells what is so: each statement is held against what the operation does when it is called."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from septet.cli.source_walk import used_by
from septet.core.context import Context
from septet.core.errors import Forbidden, NotFound, refuse
from septet.core.limits import per_minute
from support.calling import Typed, typed
from support.people import (
    ADA,
    GRACE,
    HOME,
    begin_registration,
    call,
    counted_queries,
    front_door,
    mails_to,
    register,
    sign_in,
)
from support.sample_system import find_note, insert_note, notes_of
from support.sql import execute


@pytest.fixture
def septet(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    return typed(database_url, tmp_path, monkeypatch)


def explained(septet: Typed, *words: str) -> dict[str, Any]:
    result = septet("explain", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_declaration_is_told_for_every_door(septet: Typed) -> None:
    told = explained(septet, "create_note")["operation"]
    assert told["doors"] == {
        "rest": "POST /v1/notes/notes",
        "graphql": "mutation { createNote }",
        "mcp": "create_note",
        "command_line": "septet call create_note --title TEXT [--color red|blue] [--stars INTEGER] [--labels TEXT]… "
        "[--place JSON] [--at TIME]",
    }
    assert (told["scope"], told["idempotency_key"], told["secret"]) == ("notes:write", True, False)
    assert told["limits"] == [
        "1200 in 60 s for each caller, over all operations together",
        "600 in 60 s for each caller",
    ]
    assert told["transaction"].startswith("write, SERIALIZABLE")
    assert {(one["status"], one["code"]) for one in told["problems"]} == {
        (401, "unauthenticated"),
        (403, "forbidden"),
        (409, "title_taken"),
        (409, "in_progress"),
        (422, "invalid"),
        (422, "idempotency_key_reused"),
        (429, "too_many_requests"),
    }


def test_queries_come_with_their_sql_and_plan(septet: Typed, database_url: str) -> None:
    told = explained(septet, "change_note")["operation"]
    assert explained(septet, "import_note")["operation"]["doors"]["mcp"] is None
    assert [query["name"].rpartition(".")[2] for query in told["queries"]] == ["find_note", "update_note"]
    assert [one["name"].rpartition(".")[2] for one in told["policies"]] == ["access_note", "refuse_unless_current"]
    sqlite = database_url.startswith("sqlite")
    assert told["database"] == ("sqlite" if sqlite else "postgresql")
    for query in told["queries"]:
        assert "notes_note" in query["sql"]
        assert any("notes_note" in step for step in query["plan"]), query
    assert ("?" if sqlite else "$1") in told["queries"][0]["sql"]


def test_a_list_shows_all_of_its_queries(septet: Typed) -> None:
    names = [query["name"] for query in explained(septet, "list_notes")["operation"]["queries"]]
    assert [name.rpartition(".")[2] for name in names] == ["first", "after", "before"]


def test_a_run_is_undone_and_shows_what_it_asked(septet: Typed, database_url: str) -> None:
    ran = explained(septet, "create_note", "--run", "--title", "Milk", "--as", "ada")["run"]
    assert (ran["reply"]["title"], ran["problem"]) == ("Milk", None)
    assert [asked["query"].rpartition(".")[2] for asked in ran["queries"]] == ["titled", "insert_note"]
    assert all(0 < asked["ms"] <= ran["ms"] for asked in ran["queries"])
    assert execute(database_url, "SELECT count(*) FROM notes_note") == [(0,)]
    assert septet("call", "create_note", "--title", "Milk", "--as", "ada").exit_code == 0
    refused = explained(septet, "--run", "create_note", "--arguments", '{"title": "Milk"}', "--as", "ada")["run"]
    assert (refused["problem"], refused["detail"]) == ("title_taken", "You have a note with this title.")
    reading = septet("explain", "list_notes", "--run", "--as", "ada")
    assert "it would have succeeded" in reading.stdout
    assert "notes_of.first" in reading.stdout


def test_what_cannot_be_run_and_undone_is_not_run(septet: Typed, database_url: str) -> None:
    result = septet("explain", "import_note", "--run", "--title", "Milk", "--as", "ada")
    assert (result.exit_code, "opens its transactions itself" in result.stderr) == (2, True)
    assert execute(database_url, "SELECT count(*) FROM notes_note") == [(0,)]
    result = septet("explain", "create_note", "--title", "Milk")
    assert (result.exit_code, "arguments are for --run" in result.stderr) == (2, True)
    assert septet("explain", "creat_note").exit_code == 2


def test_what_the_cache_keeps_and_drops_is_told(septet: Typed) -> None:
    assert explained(septet, "read_note")["operation"]["cache"] == (
        "its value is kept for 30 s, for each caller, as note:{id}"
    )
    assert explained(septet, "remove_note")["operation"]["invalidates"] == ["note:{id}"]
    assert "Drops from the cache:\n  note:{id}\n" in septet("explain", "remove_note").stdout


def test_it_reads_like_a_page(septet: Typed) -> None:
    shown = septet("explain", "read_note").stdout
    assert shown.startswith(
        "read_note, of notes\n  One note.\n\nCalled by:\n  REST          GET /v1/notes/notes/{id}\n"
    )
    for heading in ("Asks for:", "Runs in:", "Decided by:", "May refuse:", "Queries, with their plans on "):
        assert f"\n{heading}" in shown
    assert "Found in its source; what is reached in other ways is not shown." in shown


async def test_what_the_source_shows_is_what_runs(database_url: str, tmp_path: Path) -> None:
    """Every query that deleting an account asks was foretold, but for those of the floor and of other systems."""
    from septet.cli.explain import explain_operation

    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        operations = septet.runtime.registry.operations
        for name in ("read_me", "list_sessions", "sign_out_everywhere", "delete_me"):
            token = (await sign_in(septet, ADA)).access_token
            foretold = {query.name for query in (await explain_operation(septet, operations[name])).queries}
            with counted_queries(septet) as ran:
                await call(septet, name, token)
            asked = {query for query in ran if query.startswith("identity.")}
            assert asked, name
            assert asked <= foretold, name


async def test_a_rehearsal_undoes_nothing_but_its_own(database_url: str, tmp_path: Path) -> None:
    """What another task of this process writes meanwhile stays, such as its records."""
    from septet.cli.callers import Who
    from septet.cli.rehearsal import rehearse

    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        begun, written = asyncio.Event(), asyncio.Event()

        async def write_meanwhile() -> None:
            await begun.wait()
            await begin_registration(septet, GRACE)
            written.set()

        async def read_slowly(ctx: Context, arguments: Any) -> None:
            begun.set()
            await written.wait()

        writing = asyncio.create_task(write_meanwhile())
        slow = msgspec.structs.replace(septet.runtime.registry.operations["read_me"], call=read_slowly)
        assert (await rehearse(septet, slow, {}, Who(ADA), HOME)).problem is None
        await writing
        assert len(await mails_to(septet, GRACE)) == 1


async def test_events_are_told_with_those_who_listen(database_url: str, tmp_path: Path) -> None:
    from septet.cli.explain import explain_operation

    async with front_door(database_url, tmp_path) as septet:
        operations = septet.runtime.registry.operations
        told = await explain_operation(septet, operations["delete_me"])
        assert {one.event.rpartition(".")[2]: one.listeners for one in told.events} == {
            "AccountDeleted": ["identity.erase_elsewhere"],
            "OrganisationDeleted": [],
            "MemberLeft": [],
        }
        assert "identity.send_notice" in (await explain_operation(septet, operations["change_password"])).tasks
        for operation in operations.values():  # all of them can be explained
            assert (await explain_operation(septet, operation)).name == operation.name


_LIMIT = per_minute(3)


def _why_not_look(viewer: int) -> str | None:
    """Odd viewers may not."""
    return "odd" if viewer % 2 else None


async def _helper(ctx: Any, viewer: int) -> None:
    refuse(_why_not_look(viewer))
    ctx.spend(_LIMIT, "look", str(viewer))
    if await ctx.tx.maybe(find_note, note_id=viewer) is None:
        raise NotFound("gone")


def test_the_walk_follows_names_and_knows_a_local_from_a_global() -> None:
    async def look(ctx: Any, insert_note: str) -> None:  # the argument hides the query of that name
        await ctx.read(_helper, 1)
        await ctx.tx.all(notes_of.first, label=insert_note)

    used = used_by(look, frozenset({__name__}))
    assert used.queries == [find_note, notes_of.first]
    assert insert_note not in used.queries
    assert used.problems == [Forbidden, NotFound]
    assert used.limits == [_LIMIT]


def test_it_survives_what_has_no_source() -> None:
    namespace: dict[str, Any] = {}
    exec("async def made(ctx): pass", namespace)
    assert used_by(namespace["made"], frozenset()).queries == []
