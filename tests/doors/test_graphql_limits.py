"""What a document may ask for, and how long it may take to find that out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, get_introspection_query

from septet.core.limits import Limit
from septet.doors.graphql import documents as documents_module
from septet.doors.graphql import service as service_module
from septet.doors.graphql.documents import Documents
from septet.doors.graphql.plans import DocumentPlans
from septet.doors.graphql.problems import Refused
from septet.settings import Settings
from support.asgi import call
from support.doors import named, open_door
from support.graphql import ask, assert_refused, codes_of

LONGEST_CHECK = 0.25  # seconds; 0.1 on a quiet machine

SCHEMA = build_schema(
    """
    interface Node { id: ID! }
    enum Color { RED BLUE GREEN }
    type Post implements Node { id: ID! text(a: Int, c: Color): String author: Person! next: Post comments: [Post!]! }
    type Person implements Node { id: ID! name: String friend: Person post: Post }
    union Thing = Post | Person
    type Query { post(id: ID, x: Int): Post person: Person thing: Thing node: Node }
    """
)


def repeated(text: str, times: int) -> str:
    """`text` again and again, with {} for the number."""
    return " ".join(text.replace("{}", str(number)) for number in range(times))


def tree(depth: int, width: int) -> str:
    return "id" if depth == 0 else " ".join(f"next {{ {tree(depth - 1, width)} }}" for _ in range(width))


def in_post(text: str, fragments: str = "") -> str:
    return f"{{ post {{ {text} }} }} {fragments}"


NASTY = named(
    ("one field a thousand times", in_post("id " * 1990)),
    ("one object a thousand times", "{" + "post { id } " * 490 + "}"),
    ("six hundred aliases", in_post(repeated("a{}: id", 660))),
    ("many arguments", in_post("text(a: 1) " * 330)),
    ("a hundred fragments", in_post(repeated("...f{}", 150), repeated("fragment f{} on Post { id text }", 150))),
    ("fragments in a chain", in_post("...f0", repeated("fragment f{} on Post { id ...f{}1 }", 190))),
    ("one fragment six hundred times", in_post("...f " * 600, "fragment f on Post { id text }")),
    (
        "fragments that all want the same",
        in_post(
            repeated("...f{}", 49), repeated("fragment f{} on Post { a: id b: id c: id d: id e: id f: id g: id }", 49)
        ),
    ),
    (
        "fragments with objects",
        in_post(
            repeated("...f{}", 48),
            repeated("fragment f{} on Post { next { next { next { next { id } } } next { next { id } } } }", 48),
        ),
    ),
    ("a circle", in_post("...f0", "fragment f0 on Post { id ...f1 } fragment f1 on Post { ...f0 }")),
    ("a circle through fields", in_post("...f", "fragment f on Post { next { ...f } }")),
    ("a doubling tree", in_post(tree(7, 2))),
    ("a wide tree", in_post(tree(2, 20))),
    ("fifty of one name", in_post(("next { " + repeated("a{}: id", 10) + " } ") * 50)),
    ("five hundred levels", in_post("next { " * 300 + "id" + " }" * 300)),
    ("inline fragments", "{ thing { " + "... on Post { id } ... on Person { id } " * 150 + "} }"),
    ("directives", in_post("id @skip(if: false) " * 240)),
    ("variables", "query(" + repeated("$v{}: Int", 490) + ") { __typename }"),
    ("operations", repeated("query q{} { post { id } }", 240)),
    ("unknown fields", "{ " + repeated("nope{}", 1900) + " }"),
    ("a list in a list", "{ post(x: " + "[" * 900 + "]" * 900 + ") { id } }"),
    ("a long list", "{ post(x: [" + "1 " * 1900 + "]) { id } }"),
    ("a long name", "{ " + "a" * 90_000 + " }"),
    ("a long text", '{ post(id: "' + "a" * 90_000 + '") { id } }'),
    ("a long enum", in_post("text(c: " + "R" * 90_000 + ")")),
    ("a text of escapes", '{ post(id: "' + "\\u0041" * 15_000 + '") { id } }'),
    ("comments", "#\n" * 45_000 + "{ post { id } }"),
    (
        "doubling fragments",
        in_post("...f0", repeated("fragment f{} on Post { a: next { ...f{}1 } b: next { ...f{}1 } }", 49)),
    ),
)


@pytest.mark.parametrize("source", NASTY)
def test_no_document_takes_long_to_check(source: str) -> None:
    quickest, told = float("inf"), []
    for _ in range(3):  # others are at work on this machine
        documents = Documents(SCHEMA, Settings())
        started = time.process_time()
        try:
            document = documents.read(source, 2000)
            document.extent(document.operation(next(iter(document.operations))), {})
        except Refused as refusal:
            told = [problem.detail for problem, _ in refusal.problems]
        quickest = min(quickest, time.process_time() - started)
    assert quickest < LONGEST_CHECK
    assert len(told) <= documents_module.MOST_ERRORS
    assert all(len(detail) <= 300 for detail in told)


def costs(schema: GraphQLSchema, query: str, **variables: object) -> tuple[int, int]:
    document = Documents(schema, Settings()).read(query, 2000)
    operation = document.operation(None)
    values = DocumentPlans(schema, document.node).variables(operation, variables)
    extent = document.extent(operation, values.coerced)
    return extent.roots, extent.cost


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    named(
        ("a name", "{ __typename }", {}, (0, 1)),
        ("an object", '{ readNote(id: "x") { id title } }', {}, (1, 3)),
        ("a list of three", "{ listNotes(first: 3) { nodes { id title } } }", {}, (1, 1 + 1 + 3 * 2)),
        ("a list as it usually is", "{ listNotes { nodes { id title } } }", {}, (1, 1 + 1 + 20 * 2)),
        ("by a variable", "query($n: Int) { listNotes(first: $n) { nodes { id } } }", {"n": 7}, (1, 1 + 1 + 7)),
        ("by its default", "query($n: Int = 5) { listNotes(first: $n) { nodes { id } } }", {}, (1, 1 + 1 + 5)),
        ("a float", "query($n: Int) { listNotes(first: $n) { nodes { id } } }", {"n": 7.0}, (1, 1 + 1 + 7)),
        ("null", "query($n: Int) { listNotes(first: $n) { nodes { id } } }", {"n": None}, (1, 1 + 1 + 20)),
        ("less than none", "{ listNotes(first: -5) { nodes { id } } }", {}, (1, 1 + 1)),
        ("backwards", '{ listNotes(last: 4, before: "x") { nodes { id } } }', {}, (1, 1 + 1 + 4)),
        ("edges", "{ listNotes(first: 2) { edges { cursor node { id } } pageInfo { endCursor } } }", {}, (1, 10)),
        (
            "twice",
            "{ a: listNotes(first: 2) { nodes { id } } b: listNotes(first: 3) { edges { cursor } } }",
            {},
            (2, 9),
        ),
        (
            "through fragments",
            "{ ...a ...a } fragment a on Query { listNotes(first: 2) { ...b } } "
            "fragment b on NoteConnection { nodes { id } }",
            {},
            (2, 4 + 4),
        ),
    ),
)
async def test_a_list_costs_as_much_as_it_may_hold(
    query: str, variables: dict[str, object], expected: tuple[int, int], tmp_path: Path
) -> None:
    from septet.doors.graphql.schema import schema_of

    async with open_door(tmp_path) as septet:
        assert costs(schema_of(septet.runtime), query, **variables) == expected


async def test_what_costs_too_much_is_refused_with_its_cost(tmp_path: Path) -> None:
    async with open_door(tmp_path, graphql_cost=100) as septet:
        query = "query($n: Int) { listNotes(first: $n) { nodes { id title } } }"
        assert codes_of(await ask(septet.asgi, query, n=49)) == []
        assert_refused(await ask(septet.asgi, query, n=50), "document_too_large", "this may give 102")
        assert_refused(await ask(septet.asgi, query, n=50.0), "document_too_large", "this may give 102")
        assert_refused(await ask(septet.asgi, query, n=2**70), "document_too_large", "values at once")


async def test_a_batch_is_counted_together(tmp_path: Path) -> None:
    one = {"query": "{ listNotes(first: 20) { nodes { id } } }"}  # 22 values, 15 tokens
    cases = {"graphql_cost": 50, "graphql_roots": 2, "graphql_tokens": 40}
    for setting, most in cases.items():
        folder = tmp_path / setting
        folder.mkdir()
        async with open_door(folder, **{setting: most}) as septet:
            answer = await call(septet.asgi, "POST", "/graphql", json=[one] * 3, token="ada")
            assert ["data" in each for each in answer.body] == [True, True, False]
            assert answer.body[2]["errors"][0]["extensions"]["code"] == "document_too_large"


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_batches_are_bounded(most: int, tmp_path: Path) -> None:
    async with open_door(tmp_path, graphql_batch=most) as septet:
        for count in (0, 1, 3, 4):
            answer = await call(
                septet.asgi, "POST", "/graphql", json=[{"query": "{ __typename }"}] * count, token="ada"
            )
            assert answer.status == (200 if 0 < count <= most else 400)
        assert codes_of(answer) == ["malformed"]


async def test_depth_and_roots_are_bounded(tmp_path: Path) -> None:
    async with open_door(tmp_path, graphql_depth=3, graphql_roots=3) as septet:
        assert codes_of(await ask(septet.asgi, "{ listNotes { nodes { id } } }")) == []
        deep = "{ listNotes { edges { node { id } } } }"
        assert_refused(await ask(septet.asgi, deep), "document_too_large", "3 levels")
        hidden = "{ listNotes { ...a } } fragment a on NoteConnection { edges { ...b } } "
        hidden += "fragment b on NoteEdge { node { id } }"
        assert_refused(await ask(septet.asgi, hidden), "document_too_large", "3 levels")
        roots = "{" + repeated("a{}: listNotes { nodes { id } }", 4) + "}"
        assert_refused(await ask(septet.asgi, roots), "document_too_large", "calls 4")
        shared = "{ ...a ...a } fragment a on Query { ...b ...b } fragment b on Query { listNotes { nodes { id } } }"
        assert_refused(await ask(septet.asgi, shared), "document_too_large", "calls 4")
        assert codes_of(await ask(septet.asgi, get_introspection_query())) == []


async def test_the_schema_is_told_or_not(tmp_path: Path) -> None:
    async with open_door(tmp_path, graphql_introspection=False) as septet:
        assert_refused(await ask(septet.asgi, "{ __schema { types { name } } }"), "document_invalid")
        assert_refused(await ask(septet.asgi, '{ __type(name: "Note") { name } }'), "document_invalid")
        hint = await ask(septet.asgi, "{ listNote { nodes { id } } }")
        assert_refused(hint, "document_invalid", "listNote")
        assert "listNotes" not in hint.body["errors"][0]["message"]
        assert (await ask(septet.asgi, "{ __typename }")).body == {"data": {"__typename": "Query"}}


async def test_asking_about_the_schema_is_bounded(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        aliased = "{ __schema { types { a: fields { name } b: fields { name } } } }"
        assert_refused(await ask(septet.asgi, aliased), "document_invalid", "without aliases")
        assert_refused(await ask(septet.asgi, "{ a: __schema { types { name } } }"), "document_invalid")
        deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
        assert_refused(await ask(septet.asgi, deep), "document_invalid", "introspection depth")
        assert codes_of(await ask(septet.asgi, "{ listNotes { nodes { a: __typename b: title } } }")) == []


async def test_looking_at_the_schema_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "CHECKS", Limit(3, 60.0, "actor", "documents"))
    async with open_door(tmp_path, limits=True) as septet:
        look = "{ __schema { queryType { name } } }"
        for _ in range(2):  # the first one is a new document too
            assert codes_of(await ask(septet.asgi, look)) == []
        assert (await ask(septet.asgi, look)).status == 429


async def test_new_documents_are_limited_and_known_ones_are_not(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=10_000) as septet:
        for number in range(6):
            query = f"# {number} {'x' * 99_000}\n{{ __typename }}"
            assert (await ask(septet.asgi, query)).status == 200
            assert (await ask(septet.asgi, query)).status == 200
        refused = await ask(septet.asgi, f"# another {'x' * 99_000}\n{{ __typename }}")
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert refused.header("retry-after")
        assert (await ask(septet.asgi, query)).status == 200
        assert (await ask(septet.asgi, "{ __typename }", token="bob")).status == 200


def test_as_many_documents_are_remembered_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "MOST_KEPT_TOKENS", 100)
    documents = Documents(SCHEMA, Settings())
    sources = [f"query Q{number} {{ post {{ id }} }}" for number in range(20)]  # nine tokens each, with the two ends
    first = documents.read(sources[0], 2000)
    size = first.tokens
    for source in sources[1:]:
        documents.read(source, 2000)
        documents.known(sources[0])
    kept = [source for source in sources if documents.known(source)]
    assert kept == [sources[0], *sources[-(100 // size - 1) :]]
    assert documents.known(sources[0]) is first
    with pytest.raises(Refused):
        documents.read("{ nope }", 2000)
    assert documents.known("{ nope }") is None
