"""GraphQL over HTTP: media types and statuses, who may, problems and limits in GraphQL's shape, batches, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from septet.app import Septet
from septet.core.errors import Unavailable
from support.asgi import assert_problem, call
from support.doors import named, open_door
from support.graphql import GRAPHQL_JSON, ask, codes_of

CREATE = "mutation($title: String!) { createNote(input: {title: $title}) { id title } }"
TITLES = "{ listNotes { nodes { title } } }"
BOTH = f"{GRAPHQL_JSON}, application/json;q=0.9"


async def titles(septet: Septet) -> list[str]:
    answer = await ask(septet.asgi, TITLES)
    return [node["title"] for node in answer.body["data"]["listNotes"]["nodes"]]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    named(
        ("nothing", None, "application/json"),
        ("anything", "*/*", "application/json"),
        ("plain", "application/json", "application/json"),
        ("its own", GRAPHQL_JSON, GRAPHQL_JSON),
        ("both", BOTH, GRAPHQL_JSON),
        ("both alike", f"application/json, {GRAPHQL_JSON}", GRAPHQL_JSON),
        ("plain better", f"{GRAPHQL_JSON};q=0.5, application/json", "application/json"),
        ("not its own", f"{GRAPHQL_JSON};q=0, */*", "application/json"),
        ("what we do not speak", "application/xml", "application/json"),
        ("a weight that is none", f"{GRAPHQL_JSON};q=x, text/plain", "application/json"),
    ),
)
async def test_the_media_type_is_the_client_s_choice(accept: str | None, content_type: str, tmp_path: Path) -> None:
    headers = [("accept", accept)] if accept else []
    async with open_door(tmp_path) as septet:
        for query, status in (("{ __typename }", 200), ("{ nope }", 400 if content_type == GRAPHQL_JSON else 200)):
            answer = await ask(septet.asgi, query, *headers)
            assert (answer.status, answer.header("content-type")) == (status, content_type)


async def test_what_was_run_in_part_has_its_status_and_its_problems(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        query = (
            '{ good: listNotes { nodes { id } }\n  bad: readNote(id: "01900000-0000-7000-8000-000000000000") { id } }'
        )
        answer = await ask(septet.asgi, query, ("accept", GRAPHQL_JSON))
        assert answer.status == 200
        assert answer.body["data"] == {"good": {"nodes": []}, "bad": None}
        (error,) = answer.body["errors"]
        assert error == {
            "message": "There is no such note.",
            "path": ["bad"],
            "locations": [{"line": 2, "column": 3}],
            "extensions": {
                "code": "not_found",
                "status": 404,
                "type": "/errors/not_found",
                "title": "Not found",
                "detail": "There is no such note.",
                "request_id": answer.header("x-request-id"),
            },
        }


async def test_every_fault_of_an_input_is_told_with_its_place(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await ask(septet.asgi, 'mutation { createNote(input: {title: "", stars: -1}) { id } }')
        (error,) = answer.body["errors"]
        assert error["extensions"]["code"] == "invalid"
        pointers = sorted(fault["pointer"] for fault in error["extensions"]["errors"])
        assert [pointer.rsplit("/", 1)[1] for pointer in pointers] == ["stars", "title"]
        assert await titles(septet) == []


@pytest.mark.parametrize(
    ("method", "target", "sent", "status", "code"),
    named(
        (
            "plain text",
            "POST",
            "/graphql",
            {"headers": [("content-type", "text/plain")]},
            415,
            "unsupported_media_type",
        ),
        (
            "a form",
            "POST",
            "/graphql",
            {"headers": [("content-type", "application/x-www-form-urlencoded")]},
            415,
            "unsupported_media_type",
        ),
        ("no type", "POST", "/graphql", {"headers": []}, 415, "unsupported_media_type"),
        (
            "another charset",
            "POST",
            "/graphql",
            {"headers": [("content-type", "application/json; charset=utf-16")]},
            415,
            "unsupported_media_type",
        ),
        (
            "a mutation by GET",
            "GET",
            "/graphql?query=" + quote(CREATE) + "&variables={}",
            {},
            405,
            "method_not_allowed",
        ),
        ("another method", "PUT", "/graphql", {}, 405, "method_not_allowed"),
    ),
)
async def test_what_a_foreign_page_could_send_does_nothing(
    method: str, target: str, sent: dict[str, Any], status: int, code: str, tmp_path: Path
) -> None:
    body = json.dumps({"query": CREATE, "variables": {"title": "x"}}).encode() if method == "POST" else b""
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, method, target, *sent.get("headers", []), body=body, token="ada")
        assert_problem(answer, status, code)
        if status == 405:
            assert "POST" in (answer.header("allow") or "")
        assert await titles(septet) == []


async def test_a_query_may_stand_in_the_address(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        await ask(septet.asgi, CREATE, title="x")
        query = quote(
            "query One($first: Int) { listNotes(first: $first) { nodes { title } } } query Two { __typename }"
        )
        variables = quote('{"first": 1}')
        target = f"/graphql?query={query}&variables={variables}&operationName=One"
        answer = await call(septet.asgi, "GET", target, token="ada")
        assert (answer.status, answer.body) == (200, {"data": {"listNotes": {"nodes": [{"title": "x"}]}}})
        head = await call(septet.asgi, "HEAD", target, token="ada")
        assert (head.status, head.raw) == (200, b"")


async def test_an_empty_operation_name_is_none(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        body = {"query": "{ __typename }", "operationName": ""}
        answer = await call(septet.asgi, "POST", "/graphql", json=body, token="ada")
        assert answer.body == {"data": {"__typename": "Query"}}


async def test_a_wrong_token_is_refused_as_over_rest(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for query in (TITLES, "{ __typename }", CREATE, "{ nope }"):
            answer = await ask(septet.asgi, query, token="expired", title="x")
            assert_problem(answer, 401, "unauthenticated")
            assert answer.header("www-authenticate") == 'Bearer realm="septet", error="invalid_token"'
        by_get = await call(septet.asgi, "GET", "/graphql?query={__typename}", token="expired")
        assert_problem(by_get, 401, "unauthenticated")


async def test_signing_in_is_open_to_a_client_with_an_expired_token(tmp_path: Path) -> None:
    make = 'makeSecret(input: {city: "Graz", country: "AT"}) { secret }'
    secret = f"mutation {{ {make} }}"
    mixed = f'mutation {{ {make} createNote(input: {{title: "x"}}) {{ id }} }}'
    async with open_door(tmp_path) as septet:
        answer = await ask(septet.asgi, secret, ("accept-encoding", "gzip"), token="expired")
        assert answer.body["data"]["makeSecret"]["secret"].endswith("AT")
        assert answer.header("content-encoding") is None  # the size of a compressed secret tells of it
        assert_problem(await ask(septet.asgi, mixed, token="expired"), 401, "unauthenticated")


async def test_a_stranger_may_what_is_open_to_all(tmp_path: Path) -> None:
    query = '{ echo(label: "hello") { label } listNotes { nodes { id } } }'
    async with open_door(tmp_path) as septet:
        answer = await ask(septet.asgi, query, token=None)
        assert answer.body["data"] == {"echo": {"label": "hello"}, "listNotes": None}
        assert codes_of(answer) == ["unauthenticated"]
        read_only = await ask(septet.asgi, CREATE, token="bob", title="x")
        assert (read_only.body["data"], codes_of(read_only)) == ({"createNote": None}, ["forbidden"])


async def test_limits_are_counted_for_each_operation_and_told(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=3) as septet:
        two = await ask(septet.asgi, "{ a: listNotes { nodes { id } } b: listNotes { nodes { id } } }")
        assert '"default";r=1;' in (two.header("ratelimit") or "")
        assert '"default";q=3;w=60' in (two.header("ratelimit-policy") or "")
        more = await ask(septet.asgi, "{ a: listNotes { nodes { id } } b: listNotes { nodes { id } } }")
        assert more.body["data"] == {"a": {"nodes": []}, "b": None}
        (error,) = more.body["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["b"], "too_many_requests")
        assert 1 <= error["extensions"]["retry_after"] <= 60


async def test_a_retried_mutation_has_its_effect_once(tmp_path: Path) -> None:
    mutation = 'mutation { a: createNote(input: {title: "x"}) { id } b: createNote(input: {title: "y"}) { id } }'
    async with open_door(tmp_path) as septet:
        key = ("idempotency-key", "k-1")
        first, again = await ask(septet.asgi, mutation, key), await ask(septet.asgi, mutation, key)
        assert (first.header("idempotent-replayed"), again.header("idempotent-replayed")) == (None, "true")
        assert again.body == first.body
        assert sorted(await titles(septet)) == ["x", "y"]


async def test_a_batch_is_answered_one_by_one(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        batch = [
            {"query": CREATE, "variables": {"title": "x"}},
            {"query": "{ nope }"},
            {"query": TITLES},
            {"query": CREATE, "variables": {"title": "x"}},
        ]
        for accept in ("application/json", GRAPHQL_JSON):
            answer = await call(septet.asgi, "POST", "/graphql", ("accept", accept), json=batch, token="ada")
            assert (answer.status, answer.header("content-type")) == (200, "application/json")
        made, wrong, listed, taken = answer.body
        assert [error["extensions"]["code"] for error in wrong["errors"]] == ["document_invalid"]
        assert "data" not in wrong
        assert listed["data"]["listNotes"]["nodes"] == [{"title": "x"}]
        assert made["errors"][0]["extensions"]["code"] == taken["errors"][0]["extensions"]["code"] == "title_taken"


async def test_a_retried_batch_has_its_effect_once(tmp_path: Path) -> None:
    batch = [{"query": CREATE, "variables": {"title": title}} for title in ("x", "y")]
    async with open_door(tmp_path) as septet:
        answers = [
            await call(septet.asgi, "POST", "/graphql", ("idempotency-key", "k"), json=batch, token="ada") for _ in "12"
        ]
        assert answers[0].body == answers[1].body
        assert [answer.header("idempotent-replayed") for answer in answers] == [None, "true"]
        assert sorted(await titles(septet)) == ["x", "y"]


async def test_what_fails_here_is_told_without_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door(tmp_path) as septet:

        async def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("the secret reason")

        async def away(*_: Any, **__: Any) -> None:
            raise Unavailable("The database is away.")

        monkeypatch.setattr(septet.runtime.database, "read", fail)
        assert_problem(await ask(septet.asgi, TITLES), 500, "internal")
        batch = await call(
            septet.asgi, "POST", "/graphql", json=[{"query": TITLES}, {"query": "{ __typename }"}], token="ada"
        )
        assert batch.status == 200
        assert batch.body[0]["errors"][0]["extensions"]["code"] == "internal"
        assert batch.body[1] == {"data": {"__typename": "Query"}}
        assert b"secret" not in batch.raw
        monkeypatch.setattr(septet.runtime.database, "read", away)
        answer = await ask(septet.asgi, TITLES)
        assert_problem(answer, 503, "unavailable")
        assert answer.header("retry-after") == "1"


async def test_a_browser_is_shown_the_explorer(tmp_path: Path) -> None:
    browser = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    async with open_door(tmp_path) as septet:
        page = await call(septet.asgi, "GET", "/graphql", browser)
        assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
        assert "accept" in (page.header("vary") or "")
        assert "script-src 'self';" in (page.header("content-security-policy") or "")
        text = page.raw.decode()
        assert "<script>" not in text
        assert "style=" not in text
        for name in ("graphql.js", "graphql.css"):
            start = text.index("/static/", text.index(name) - 30)
            file = await call(septet.asgi, "GET", text[start : text.index('"', start)])
            assert file.status == 200
        for name in ("graphql-editor.js", "graphql-schema.js"):  # the scripts bring these by themselves
            assert (await call(septet.asgi, "GET", f"/static/any/{name}")).status == 200
        home = await call(septet.asgi, "GET", "/", browser)
        assert b'href="/graphql"' in home.raw
        program = await call(septet.asgi, "GET", "/graphql?query={__typename}", ("accept", "*/*"))
        assert program.body == {"data": {"__typename": "Query"}}
