"""Requests to /graphql that are broken, foreign or hostile: each gets its answer, and nothing is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from support.asgi import GONE, assert_problem, call
from support.doors import open_door
from support.graphql import ask, assert_refused, codes_of

JSON = ("content-type", "application/json")
CREATE = "mutation($input: NewNoteInput!) { createNote(input: $input) { id } }"


NO_REQUESTS = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"query": "\xff"}',
    "half a surrogate": b'{"query": "{ __typename } # \\ud800"',
    "a number": b"1",
    "null": b"null",
    "a text": b'"{ __typename }"',
    "no query": b"{}",
    "a query that is null": b'{"query": null}',
    "a query that is a list": b'{"query": []}',
    "variables that are a list": b'{"query": "{ __typename }", "variables": []}',
    "variables that are a text": b'{"query": "{ __typename }", "variables": "{}"}',
    "a name that is a number": b'{"query": "{ __typename }", "operationName": 1}',
    "extensions that are a list": b'{"query": "{ __typename }", "extensions": []}',
    "a batch of nothing": b"[]",
    "a batch of numbers": b"[1, 2]",
    "a batch in a batch": b'[[{"query": "{ __typename }"}]]',
    "deep variables": b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}",
    "endless nesting": b"[" * 100_000,
}


async def test_what_is_no_request_is_refused(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for case, body in NO_REQUESTS.items():
            answer = await call(septet.asgi, "POST", "/graphql", JSON, body=body, token="ada")
            assert (answer.status, codes_of(answer)) == (400, ["malformed"]), case
            assert answer.body.keys() == {"errors"}


NO_QUERIES = {
    "nothing": "",
    "no query": "variables={}",
    "twice": "query={__typename}&query={__typename}",
    "variables that are no JSON": "query={__typename}&variables={",
    "variables that are a list": "query={__typename}&variables=[]",
    "deep variables": "query={__typename}&variables=" + quote('{"a":' + "[" * 70 + "]" * 70 + "}"),
    "endless nesting": "query={__typename}&variables=" + "[" * 15_000,
    "not UTF-8": "query=%ff",
    "many parameters": "&".join(f"a{number}=1" for number in range(50)),
}


async def test_an_address_without_a_query_is_refused(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for case, query in NO_QUERIES.items():
            answer = await call(septet.asgi, "GET", f"/graphql?{query}", token="ada")
            assert (answer.status, codes_of(answer)) == (400, ["malformed"]), case


MISFITS: tuple[tuple[str, str, dict[str, Any], str | None, str], ...] = (
    ("nothing", "", {}, None, "Syntax Error"),
    ("no GraphQL", "hello there", {}, None, "Syntax Error"),
    ("no end", "{ listNotes {", {}, None, "Syntax Error"),
    ("only a fragment", "fragment a on Note { id }", {}, None, ""),
    ("an unknown field", "{ nope }", {}, None, "nope"),
    ("an unknown fragment", "{ ...a }", {}, None, "fragment"),
    ("a schema", "type Query { a: Int }", {}, None, ""),
    ("a subscription", "subscription { listNotes { nodes { id } } }", {}, None, ""),
    ("a circle", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", {}, None, "spread"),
    ("two without a name", "query A { __typename } query B { __typename }", {}, None, "operationName"),
    ("another name", "query A { __typename }", {}, "B", "'B'"),
    ("a variable that lacks", CREATE, {}, None, "input"),
    ("a variable of another type", CREATE, {"input": 1}, None, "input"),
    ("a variable with an unknown field", CREATE, {"input": {"title": "x", "nope": 1}}, None, "nope"),
    ("a null where none can be", CREATE, {"input": None}, None, "null"),
    ("a field without its selection", "{ listNotes }", {}, None, "selection"),
    ("a leaf with a selection", '{ readNote(id: "x") { id { x } } }', {}, None, "selection"),
    ("conflicting fields", '{ readNote(id: "x") { a: id a: title } }', {}, None, "conflict"),
)


async def test_what_does_not_fit_the_schema_is_refused(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for _, query, variables, name, detail in MISFITS:
            assert_refused(await ask(septet.asgi, query, name=name, **variables), "document_invalid", detail)
        assert (await ask(septet.asgi, "{ listNotes { nodes { id } } }")).body["data"]["listNotes"]["nodes"] == []


async def test_texts_are_checked_as_over_rest(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for title in ("a\0b", "x" * 1_000_000, ""):
            answer = await ask(septet.asgi, CREATE, input={"title": title})
            assert answer.body["data"] == {"createNote": None}
            assert codes_of(answer) == ["invalid"]
            assert len(answer.raw) < 2000


async def test_half_a_request_is_none(tmp_path: Path) -> None:
    async with open_door(tmp_path, max_body=2048) as septet:
        half = [b'{"query": "{ __ty', GONE]
        assert_problem(await call(septet.asgi, "POST", "/graphql", JSON, body=half, token="ada"), 400, "malformed")
        large = json.dumps({"query": "{ __typename }" + " " * 3000}).encode()
        assert_problem(await call(septet.asgi, "POST", "/graphql", JSON, body=large), 413, "body_too_large")
        assert_problem(await call(septet.asgi, "POST", "/graphql", JSON, body=[large]), 413, "body_too_large")


async def test_fragments_that_double_are_no_way_around(tmp_path: Path) -> None:
    """Fifty fragments, each used twice by the one before: as a tree, more than the stars."""
    doubling = " ".join(f"fragment f{at} on NoteConnection {{ ...f{at + 1} ...f{at + 1} }}" for at in range(48))
    connection = f"{{ listNotes {{ ...f0 }} }} {doubling} fragment f48 on NoteConnection {{ totalCount }}"
    roots = " ".join(f"fragment f{at} on Query {{ ...f{at + 1} ...f{at + 1} }}" for at in range(48))
    nothing = f"{{ ...f0 }} {roots} fragment f48 on Query {{ __typename }}"
    empty = f"{{ listRecords {{ ...f0 }} }} {doubling} fragment f48 on NoteConnection {{ }}".replace("Note", "Record")
    async with open_door(tmp_path) as septet:
        for query in (connection, nothing):
            assert_refused(await ask(septet.asgi, query), "document_too_large")
    async with open_door(tmp_path, graphql_cost=2**62) as septet:
        for query in (connection, nothing, empty):
            assert codes_of(await ask(septet.asgi, query, token="root")) == []
