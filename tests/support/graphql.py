"""Asks the served GraphQL door, as a client does."""

from __future__ import annotations

from typing import Any

from support.asgi import Answer, call

GRAPHQL_JSON = "application/graphql-response+json"


async def ask(
    app: Any,
    query: Any,
    *headers: tuple[str, str],
    token: str | None = "ada",
    name: str | None = None,
    **variables: Any,
) -> Answer:
    """One POST to /graphql."""
    body = {"query": query, "variables": variables, **({"operationName": name} if name else {})}
    return await call(app, "POST", "/graphql", *headers, json=body, token=token)


def codes_of(answer: Answer) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.body.get("errors", [])]


def assert_refused(answer: Answer, code: str, detail: str = "") -> None:
    """Nothing was run, and it is told why."""
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.body.keys() == {"errors"}
    assert set(codes_of(answer)) == {code}
    assert detail in answer.body["errors"][0]["message"], answer.body["errors"][0]["message"]
