"""GraphQL clients that nobody here wrote: gql for Python; graphql-request and urql for JavaScript, and the audits of
the GraphQL-over-HTTP specification. What comes from npm is installed once, into build/.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError, TransportServerError
from gql.transport.httpx import HTTPXTransport

from septet.core.ids import new_id
from support.npm import copied_with_packages, run, skip_without_npm
from support.served import sign_in

HERE = Path(__file__).parent / "graphql_npm"
CREATE = "mutation Create($title: String!) { createNote(input: {title: $title}) { id title } }"
PAGE = """
query Page($first: Int!, $after: String) {
  listNotes(first: $first, after: $after) {
    edges { cursor node { title createdAt } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def test_javascript_clients_and_the_specification_s_audits(server: str, tmp_path: Path) -> None:
    skip_without_npm("THE JAVASCRIPT CLIENTS WERE NOT TESTED")
    copied_with_packages(HERE, tmp_path)
    assert run("node", "program.js", server, f"ada-{new_id()}@example.com", cwd=tmp_path) == "done\n"


def test_gql_checks_against_our_schema_pages_and_handles_problems(server: str) -> None:
    headers = {"Authorization": f"Bearer {sign_in(server)}"}
    client = Client(transport=HTTPXTransport(f"{server}/graphql", headers=headers), fetch_schema_from_transport=True)
    made = [f"{number} {new_id()}" for number in range(3)]
    with client as session:
        for title in made:
            assert (
                session.execute(GraphQLRequest(CREATE, variable_values={"title": title}))["createNote"]["title"]
                == title
            )
        seen: list[str] = []
        after = None
        while len(seen) < len(made):
            page = session.execute(GraphQLRequest(PAGE, variable_values={"first": 2, "after": after}))["listNotes"]
            seen += [edge["node"]["title"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
        assert seen[: len(made)] == made[::-1]
        with pytest.raises(TransportQueryError) as problem:
            session.execute(GraphQLRequest(CREATE, variable_values={"title": made[0]}))
        (error,) = problem.value.errors or []
        assert (error["path"], error["extensions"]["code"]) == (["createNote"], "title_taken")
        assert [fault["pointer"] for fault in error["extensions"]["errors"]] == ["/title"]


def test_gql_is_told_of_a_token_that_does_not_hold(server: str) -> None:
    transport = HTTPXTransport(f"{server}/graphql", headers={"Authorization": "Bearer forged"})
    with Client(transport=transport) as session, pytest.raises(TransportServerError) as refused:
        session.execute(GraphQLRequest("{ readMe { id } }"))
    assert refused.value.code == 401
