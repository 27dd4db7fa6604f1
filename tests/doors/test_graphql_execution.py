"""Carrying out GraphQL documents: what is shown, what is null and why, what each costs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from graphql import parse, validate
from sqlalchemy import BigInteger, bindparam, literal, select

from septet.app import Septet
from septet.core.context import ANONYMOUS, Actor, Client, Context
from septet.core.database import one
from septet.core.errors import Invalid, Problem, Unavailable
from septet.core.operation import operation
from septet.core.system import System
from septet.core.types import Int, Output
from septet.doors.graphql import plans
from septet.doors.graphql.execution import Executed, RequestRefused, execute, plans_of
from septet.doors.graphql.schema import schema_of
from septet.engines.database.sqlite_transaction import SqliteTransaction
from support.app import running_septet
from support.calls import Caller, person
from support.databases import new_postgresql_database, new_sqlite_database
from support.graph_system import GRAPH
from support.postgres import PostgresServer
from support.sample_system import NOTES


class Number(Output):
    """A number."""

    number: Int


add = one(select((literal(2**63 - 1, BigInteger) + bindparam("more", type_=BigInteger)).label("number")), into=Number)


@operation.get("/v1/large/largest", public=True)
async def largest(ctx: Context) -> Int:
    """A number that PostgreSQL cannot hold."""
    return (await ctx.tx.one(add, more=1)).number


_this = sys.modules[__name__]
LARGE = System(name="large", summary="Large numbers.", modules=(_this,), queries=_this)


class Asker:
    """Executes documents as one actor, as the door does."""

    def __init__(self, septet: Septet, actor: Actor) -> None:
        self.septet = septet
        self.actor = actor
        self.caller = Caller(septet, actor)
        self.contexts = 0

    def context(self) -> Context:
        self.contexts += 1
        return Context(self.septet.runtime, self.actor, Client("203.0.113.7"), "test")

    async def execute(self, text: str, key: str | None = None, name: str | None = None, **variables: Any) -> Executed:
        document = parse(text)
        assert validate(schema_of(self.septet.runtime), document) == []
        self.contexts = 0
        return await execute(
            self.septet.runtime,
            self.septet.pipeline,
            document,
            operation_name=name,
            variables=variables,
            contexts=self.context,
            idempotency_key=key,
        )

    async def __call__(self, text: str, **variables: Any) -> Any:
        """The data, as a client reads it; nothing may fail."""
        executed = await self.execute(text, **variables)
        assert executed.failures == []
        return msgspec.json.decode(msgspec.json.encode(executed.data))

    async def failures(self, text: str, **variables: Any) -> list[tuple[str, str]]:
        """Where something failed, and with which code."""
        executed = await self.execute(text, **variables)
        return [(".".join(map(str, failure.path)), failure.problem.code) for failure in executed.failures]


@asynccontextmanager
async def asking(url: str, folder: Path, actor: Actor | None = None, **settings: Any) -> AsyncIterator[Asker]:
    async with running_septet(url, folder, systems=[NOTES, GRAPH], doors=False, **settings) as septet:
        yield Asker(septet, actor or person(1))


async def write_notes(ask: Asker, number: int) -> list[str]:
    """Write so many notes; give their ids, the newest first."""
    made = [await ask.caller("create_note", body={"title": f"Note {index}"}) for index in range(number)]
    return [str(note.id) for note in reversed(made)]


async def test_a_query_shows_what_is_asked_for_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    async with asking(database_url, tmp_path) as ask:
        newest, oldest = await write_notes(ask, 2)
        found = await ask(
            """query Shown($id: ID!) {
                 it: readNote(id: $id) { __typename title color owner { name mood nick address { spot { x } } } }
                 listNotes { nodes { id } }
               }""",
            id=oldest,
        )
        ada = {"name": "Ada", "mood": "GOOD", "nick": None, "address": {"spot": {"x": 1}}}
        assert found == {
            "it": {"__typename": "Note", "title": "Note 0", "color": "BLUE", "owner": ada},
            "listNotes": {"nodes": [{"id": newest}, {"id": oldest}]},
        }
        assert list(found) == ["it", "listNotes"]


async def test_pages_are_walked_forwards_and_backwards(database_url: str, tmp_path: Path) -> None:
    walk = """query Walk($first: Int, $after: String, $last: Int, $before: String) {
      listNotes(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    async with asking(database_url, tmp_path) as ask:
        ids = await write_notes(ask, 5)

        async def look(**which: Any) -> tuple[list[str], dict[str, Any]]:
            page = (await ask(walk, **which))["listNotes"]
            info, edges = page["pageInfo"], page["edges"]
            assert [edge["cursor"] for edge in edges[:1]] == [info["startCursor"]][: len(edges)]
            assert [edge["cursor"] for edge in edges[-1:]] == [info["endCursor"]][: len(edges)]
            return [edge["node"]["id"] for edge in edges], info

        shown, first = await look(first=2, after=None)
        assert (shown, first["hasNextPage"], first["hasPreviousPage"]) == (ids[:2], True, False)
        shown, second = await look(first=2, after=first["endCursor"])
        assert (shown, second["hasNextPage"], second["hasPreviousPage"]) == (ids[2:4], True, True)
        shown, last = await look(first=2, after=second["endCursor"])
        assert (shown, last["hasNextPage"]) == (ids[4:], False)
        assert (await look(first=2, after=last["endCursor"]))[0] == []
        shown, back = await look(last=2, before=last["startCursor"])
        assert (shown, back["hasNextPage"], back["hasPreviousPage"]) == (ids[2:4], True, True)
        assert (await look(before=back["startCursor"]))[0] == ids[:2]
        assert (await look(last=1, before=back["startCursor"]))[0] == ids[1:2]
        assert (await look(before=first["startCursor"]))[0] == []


NO_PAGES = {
    "both ways": 'first: 1, before: "x"',
    "from the end": "last: 2",
    "too many": "first: 101",
    "none": "first: 0",
    "no cursor": 'after: "x"',
    "no cursor back": 'last: 1, before: "~~x"',
    "nul": 'after: "\\u0000"',
}


async def test_a_page_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        for name, arguments in NO_PAGES.items():
            failures = await ask.failures(f"{{ listNotes({arguments}) {{ nodes {{ id }} }} }}")
            assert failures == [("listNotes", "invalid")], name


async def test_a_list_is_counted_only_if_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        await write_notes(ask, 3)
        queries = counting_queries(ask, monkeypatch)
        counted = await ask("{ latestNote { siblings(first: 1) { ... { totalCount } } } }")
        assert counted == {"latestNote": {"siblings": {"totalCount": 3}}}
        assert queries.pop() == "support.graph_system.count_of"
        queries.clear()
        assert await ask("{ latestNote { siblings(first: 1) { nodes { title } } } }")
        assert "support.graph_system.count_of" not in queries
        assert await ask("{ listNotes { totalCount } }") == {"listNotes": {"totalCount": None}}


def counting_queries(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queries that are asked from now on."""
    asked: list[str] = []
    for method in ("one", "maybe", "all"):
        original = getattr(SqliteTransaction, method)

        def noting(self: Any, query: Any, /, _original: Any = original, **values: Any) -> Any:
            asked.append(query.name)
            return _original(self, query, **values)

        monkeypatch.setattr(SqliteTransaction, method, noting)
    return asked


async def test_a_relation_is_one_call_for_a_whole_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        await write_notes(ask, 20)
        queries = counting_queries(ask, monkeypatch)
        found = await ask("{ listNotes { nodes { starCount owner { name friend { name } } } } }")
        assert len(found["listNotes"]["nodes"]) == 20
        assert queries == ["support.sample_system.notes_of.first", "support.graph_system.all_notes"]


async def test_what_fails_is_null_with_its_place_and_its_siblings_live(database_url: str, tmp_path: Path) -> None:
    text = """{
      bad: readNote(id: "no id") { id }
      gone: readNote(id: "00000000-0000-0000-0000-000000000007") { id }
      readAudit { number }
      listNotes { edges { node { title audit forecast(days: 60) good: forecast(days: 3) } } }
    }"""
    async with asking(database_url, tmp_path) as ask:
        await write_notes(ask, 2)
        executed = await ask.execute(text)
        assert executed.data["bad"] is executed.data["gone"] is executed.data["readAudit"] is None
        shown = [edge["node"] for edge in executed.data["listNotes"]["edges"]]
        assert shown == [
            {"title": title, "audit": None, "forecast": None, "good": "good for 3"} for title in ("Note 1", "Note 0")
        ]
        assert [(failure.path, failure.problem.code) for failure in executed.failures] == [
            (("bad",), "not_found"),
            (("readAudit",), "forbidden"),
            (("gone",), "not_found"),
            *((("listNotes", "edges", index, "node", "audit"), "forbidden") for index in (0, 1)),
            *((("listNotes", "edges", index, "node", "forecast"), "conflict") for index in (0, 1)),
        ]


async def test_a_stranger_sees_what_is_public(tmp_path: Path) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path, ANONYMOUS) as ask:
        assert await ask('{ echo(label: "hi") { label } }') == {"echo": {"label": "hi"}}
        assert await ask.failures("{ listNotes { nodes { id } } }") == [("listNotes", "unauthenticated")]
        assert await ask.failures("mutation { wave }") == [("wave", "unauthenticated")]


async def test_each_root_field_costs_one_call(tmp_path: Path) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path, limits=True, limit_default=3) as ask:
        executed = await ask.execute("{ a: listMoods b: listMoods c: readAudit { number } d: listMoods }")
        assert [failure.problem.code for failure in executed.failures] == ["forbidden"]
        assert [standing.remaining for standing in executed.standings] == [2, 1, 0]
        assert ask.contexts == 1
        executed = await ask.execute("mutation { wave again: wave }")
        assert {failure.problem.code for failure in executed.failures} == {"too_many_requests"}
        assert [standing.allowed for standing in executed.standings] == [False, False]
        assert ask.contexts == 2


async def test_a_mutation_changes_in_order_each_field_for_itself(database_url: str, tmp_path: Path) -> None:
    text = """mutation Write($title: String!) {
      first: createNote(input: {title: $title, color: RED}) { title color owner { name } }
      again: createNote(input: {title: $title}) { id }
      other: createNote(input: {title: "Other"}) { siblings { nodes { title } } }
      wave
      rude: wave(times: 9)
    }"""
    async with asking(database_url, tmp_path) as ask:
        executed = await ask.execute(text, title="Mine")
        assert executed.data == {
            "first": {"title": "Mine", "color": "RED", "owner": {"name": "Ada"}},
            "again": None,
            "other": {"siblings": {"nodes": [{"title": "Other"}, {"title": "Mine"}]}},
            "wave": True,
            "rude": None,
        }
        assert [(failure.path, failure.problem.code) for failure in executed.failures] == [
            (("again",), "title_taken"),
            (("rude",), "conflict"),
        ]


async def test_a_bug_in_a_mutation_does_not_hide_what_was_done_before(tmp_path: Path) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        executed = await ask.execute('mutation { createNote(input: {title: "Done"}) { title } fall wave }')
        assert executed.data == {"createNote": {"title": "Done"}, "fall": None, "wave": True}
        (failure,) = executed.failures
        assert (failure.path, type(failure.problem), type(failure.problem.__cause__)) == (
            ("fall",),
            Problem,
            ZeroDivisionError,
        )


async def test_a_mutation_has_its_effect_once(database_url: str, tmp_path: Path) -> None:
    text = """mutation {
      a: createNote(input: {title: "A"}) { id } b: createNote(input: {title: "B"}) { id owner { name } }
    }"""
    async with asking(database_url, tmp_path) as ask:
        first = await ask.execute(text, "key")
        again = await ask.execute(text, "key")
        assert (first.failures, first.replayed, again.replayed) == ([], False, True)
        assert again.data == first.data
        assert len((await ask("{ listNotes { nodes { id } } }"))["listNotes"]["nodes"]) == 2
        assert await ask.failures(text.replace('"B"', '"C"'), key="key") == [("b", "idempotency_key_reused")]
        assert await ask.failures("mutation { wave }", key="x" * 255) == [("wave", "invalid")]


async def test_absent_stays_apart_from_null(tmp_path: Path) -> None:
    text = """mutation Send($letter: LetterInput!) { sendLetter(input: $letter) { remark way mood copies } }"""
    letter = {"toWhom": str(UUID(int=1)), "way": {"byPost": {"city": "Graz"}}}
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        for given, remark in (({}, "absent"), ({"remark": None}, "null"), ({"remark": "hi"}, "hi")):
            sent = await ask(text, letter=letter | given)
            assert sent == {"sendLetter": {"remark": remark, "way": "ByPost", "mood": "GOOD", "copies": 0}}
        literal = (
            'mutation { sendLetter(input: {toWhom: "%s", way: {byWire: {number: 1}}, mood: SO_SO, copies: {city: "x"}})'
        )
        sent = await ask(literal % UUID(int=1) + " { remark way mood copies } }")
        assert sent == {"sendLetter": {"remark": "absent", "way": "ByWire", "mood": "SO_SO", "copies": 1}}


async def test_faults_of_an_input_are_named_as_over_rest(tmp_path: Path) -> None:
    text = 'mutation { createNote(input: {title: "", stars: -1, labels: ["n\\u0000l"], at: "soon"}) { id } }'
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        (failure,) = (await ask.execute(text)).failures
        assert failure.problem.code == "invalid"
        assert [fault.pointer for fault in failure.problem.faults] == ["/labels/0"]
        (failure,) = (await ask.execute(text.replace("\\u0000", ""))).failures
        assert [fault.pointer for fault in failure.problem.faults] == ["/title", "/stars", "/at"]


async def test_introspection_is_answered_beside_the_rest(tmp_path: Path) -> None:
    text = """query Look($kind: String!) {
      __typename moods: listMoods kind: __type(name: $kind) { ...Known } none: __type(name: "No") { name }
    }
    fragment Known on __Type { name fields { name } }"""
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        found = await ask(text, kind="Total")
        assert list(found) == ["__typename", "moods", "kind", "none"]
        assert found["__typename"] == "Query"
        assert found["moods"] == ["GOOD", "SO_SO"]
        assert found["kind"] == {"name": "Total", "fields": [{"name": "number"}]}
        assert found["none"] is None
        assert (await ask("{ __schema { queryType { name } } }"))["__schema"]["queryType"]["name"] == "Query"


async def test_conditions_are_decided_for_each_call(tmp_path: Path) -> None:
    text = "query Maybe($yes: Boolean!) { a: listMoods @include(if: $yes) b: listMoods @skip(if: $yes) }"
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        document = parse(text)
        for yes, key in ((True, "a"), (False, "b"), (True, "a")):
            executed = await execute(
                ask.septet.runtime, ask.septet.pipeline, document, variables={"yes": yes}, contexts=ask.context
            )
            assert list(executed.data) == [key]


NO_VARIABLES = (
    ("missing", "query A($n: Int!) { listNotes(first: $n) { totalCount } }", {}, "non-null type"),
    ("wrong type", "query A($n: Int!) { listNotes(first: $n) { totalCount } }", {"n": "x"}, "Int"),
    ("an object for a text", "query A($n: ID!) { readNote(id: $n) { id } }", {"n": {}}, "ID"),
    ("no title", "mutation A($n: NewNoteInput!) { createNote(input: $n) { id } }", {"n": {"no": 1}}, "'title'"),
    (
        "two of one",
        "mutation A($n: ByPostOrByWireInput!) { sendLetter(input: {toWhom: 1, way: $n}) { way } }",
        {"n": {"byPost": {"city": "x"}, "byWire": {"number": 1}}},
        "OneOf",
    ),
    ("null condition", "query A($n: Boolean = true) { listMoods @skip(if: $n) }", {"n": None}, "null"),
    ("too large", 'query A { echo(label: "x", ratio: 1e999) { ratio } }', {}, "too large"),
    ("a long integer", f'query A {{ echo(label: "x", ratio: {"1" * 400}) {{ ratio }} }}', {}, "too large"),
    ("endless digits", f'query A {{ echo(label: "x", ratio: {"1" * 5000}) {{ ratio }} }}', {}, "too large"),
)


async def test_variables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        for name, text, variables, message in NO_VARIABLES:
            with pytest.raises(RequestRefused) as refused:
                await ask(text, **variables)
            assert message in str(refused.value), name
            assert ask.contexts == 0


async def test_variables_nested_too_deep_are_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"in": deep}
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        with pytest.raises(RequestRefused, match="nested"):
            await ask("query A($n: JSON) { anything(value: $n) }", n=deep)


async def test_an_operation_that_is_not_there_is_refused(tmp_path: Path) -> None:
    two = "query A { listMoods } query B { x: listMoods }"
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        for text, name in ((two, None), (two, "C"), ("{ listMoods }", "A")):
            with pytest.raises(RequestRefused, match="operation"):
                await ask.execute(text, name=name)
        assert (await ask.execute(two, name="B")).data.keys() == {"x"}


async def test_a_reply_cannot_grow_without_end(tmp_path: Path) -> None:
    """Each note shows its owner's notes: few objects, but shown again and again."""
    text = "{ listNotes(first: 40) { nodes { " + "owner { notes(first: 40) { nodes { " * 3 + "id"
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        await write_notes(ask, 40)
        assert await ask.failures(text + "}" * (text.count("{"))) == [("listNotes", "invalid")]


async def test_a_query_read_again_keeps_nothing_of_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        await write_notes(ask, 2)
        read = ask.septet.runtime.database.read

        async def read_twice(work: Any, *, snapshot: bool = False) -> Any:
            await read(work, snapshot=snapshot)
            return await read(work, snapshot=snapshot)

        monkeypatch.setattr(ask.septet.runtime.database, "read", read_twice)
        executed = await ask.execute("{ listNotes { nodes { title audit } } gone: readAudit { number } }")
        assert len(executed.failures) == 3
        assert [note["title"] for note in executed.data["listNotes"]["nodes"]] == ["Note 1", "Note 0"]


async def test_an_unavailable_database_fails_a_query_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        await write_notes(ask, 1)

        async def gone(work: Any, **how: Any) -> Any:
            raise Unavailable("The database cannot be read or written now.")

        monkeypatch.setattr(ask.septet.runtime.database, "read", gone)
        with pytest.raises(Unavailable):
            await ask("{ listNotes { nodes { id } } }")
        executed = await ask.execute('mutation { createNote(input: {title: "x"}) { owner { name } } wave }')
        assert executed.data == {"createNote": None, "wave": True}
        assert [failure.problem.code for failure in executed.failures] == ["unavailable"]


async def test_plans_are_kept_for_the_documents_asked_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        runtime = ask.septet.runtime
        cache = plans.PlanCache(schema_of(runtime), most=2)
        documents = [parse(f"{{ m{number}: listMoods }}") for number in range(3)]
        kept = [cache.of(document) for document in documents[:2]]
        assert cache.of(documents[0]) is kept[0]
        cache.of(documents[2])
        assert cache.of(documents[0]) is kept[0]
        assert cache.of(documents[1]) is not kept[1]
        assert plans_of(runtime) is plans_of(runtime)


async def test_many_conditions_keep_few_plans(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(6)]
    asked = " ".join(f"{name}: listMoods @include(if: ${name})" for name in names)
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    async with asking(new_sqlite_database(tmp_path), tmp_path) as ask:
        document = plans.DocumentPlans(schema_of(ask.septet.runtime), parse(f"query A({declared}) {{ {asked} }}"))
        node = document.operation(None)
        for number in range(64):
            values = {name: bool(number >> index & 1) for index, name in enumerate(names)}
            plan = document.plan(node, document.variables(node, values))
            assert [root.key for root in plan.roots] == [name for name in names if values[name]]
        assert len(document._plans) <= 16


async def test_a_statement_that_postgresql_refuses_fails_the_query_as_a_whole(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """Its snapshot is lost with it. That is the caller's problem, and no bug."""
    with new_postgresql_database(postgres_server) as url:
        async with running_septet(url, tmp_path, systems=[NOTES, GRAPH, LARGE], doors=False) as septet:
            with pytest.raises(Invalid, match="cannot be stored"):
                await Asker(septet, person(1))("{ largest after: listNotes { nodes { id } } }")
