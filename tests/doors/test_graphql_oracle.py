"""Random documents, carried out by Septet and by graphql-core's own executor: the same data, the same errors.

SEPTET_TEST_DOCUMENTS says how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from graphql import DocumentNode, parse, validate
from hypothesis import HealthCheck, Phase, given, settings

from septet.app import Septet
from septet.core.context import Context
from septet.doors.graphql.execution import execute
from support import graph_system, sample_system
from support.app import running_septet
from support.calls import EVERYTHING, Caller, person
from support.databases import new_postgresql_database, new_sqlite_database
from support.graph_system import GRAPH
from support.graphql_documents import Request, requests, written
from support.graphql_oracle import Oracle, Outcome
from support.postgres import PostgresServer
from support.sample_system import NOTES, Color, Note

DOCUMENTS = int(os.environ.get("SEPTET_TEST_DOCUMENTS", "300"))
_MANY = 1000
_WORDS = ("@skip", "@include", "fragment", "... on", "$v", "after:", "before:")
_ADA = person(1, EVERYTHING | {"server:read"})  # so that no root is refused before its arguments are read
_NOTES = [
    {"id": UUID(int=100 + number), "owner_id": UUID(int=2 if number > 8 else 1), "title": f"Note {number}"}
    | {"color": list(Color)[number % 2], "stars": number, "pinned": number % 5 == 0}
    for number in range(11)
]


class Table:
    """Septet and its oracle over the same notes, which each request finds as they were in the beginning."""

    def __init__(self, septet: Septet, monkeypatch: pytest.MonkeyPatch) -> None:
        self.septet = septet
        self.oracle = Oracle(septet, self.context)
        self.ids = [str(note["id"]) for note in _NOTES[:3]] + [str(UUID(int=1)), str(UUID(int=7)), "no id"]
        self.cursors: list[str] = []
        self._patch = monkeypatch

    def context(self) -> Context:
        return Context(self.septet.runtime, _ADA, request_id="test")

    async def lay(self) -> None:
        """Put the notes there, and let new ones have the ids that they had the last time."""
        numbers = itertools.count(10_000)
        self._patch.setattr(sample_system, "new_id", lambda: UUID(int=next(numbers)))
        ctx = self.context()
        await self.septet.runtime.write(ctx, lambda: self._lay(ctx))

    async def _lay(self, ctx: Context) -> None:
        await ctx.tx.run(graph_system.forget_notes)
        for note in _NOTES:
            await ctx.tx.one(sample_system.insert_note, **note, created_at=ctx.now)

    async def look_for_cursors(self) -> None:
        page = await Caller(self.septet, _ADA)("list_notes")
        assert [type(note) for note in page.items] == [Note] * 9
        self.cursors = [page.cursor_at(index) for index in (0, 3, 8)] + ["no cursor"]

    async def ours(self, request: Request, document: DocumentNode) -> Outcome:
        executed = await execute(
            self.septet.runtime,
            self.septet.pipeline,
            document,
            variables=request.variables,
            contexts=self.context,
        )
        return msgspec.json.encode(executed.data), Counter((f.path, f.problem.code) for f in executed.failures)

    async def compare(self, request: Request, document: DocumentNode) -> Counter[tuple[tuple[str | int, ...], str]]:
        """What failed, in both alike."""
        ours = await self.ours(request, document)
        if request.changes:
            await self.lay()
        theirs = await self.oracle.execute(document, request.variables, changes=request.changes)
        if request.changes:
            await self.lay()
        assert ours[0].decode() == theirs[0].decode(), written(request)
        assert ours[1] == theirs[1], written(request)
        return theirs[1]


@contextlib.asynccontextmanager
async def laid(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Table]:
    async with running_septet(url, folder, systems=[NOTES, GRAPH], doors=False) as septet:
        table = Table(septet, monkeypatch)
        await table.lay()
        await table.look_for_cursors()
        yield table


def compare_many(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, documents: int) -> Counter[str]:
    """Compare so many requests; give what was seen in them."""
    seen: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        entered = laid(url, folder, monkeypatch)
        table = runner.run(entered.__aenter__())

        @settings(
            max_examples=documents,
            derandomize=documents < _MANY,  # few are always the same ones; chance shows nothing but in many
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(request=requests(table.oracle.schema, table.ids, table.cursors))
        def compare(request: Request) -> None:
            document = parse(request.text)
            refused = validate(table.oracle.schema, document)
            assert not refused, (written(request), refused)
            failed = runner.run(table.compare(request, document))
            seen.update(["documents", "mutations" if request.changes else "queries"])
            seen.update({code for _, code in failed})
            seen.update(["deep failures"] if any(len(path) > 3 for path, _ in failed) else [])
            seen.update(word for word in _WORDS if word in request.text)

        try:
            compare()
        finally:
            runner.run(entered.__aexit__(None, None, None))
    return seen


def test_random_documents_agree_with_the_executor_of_graphql_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = compare_many(new_sqlite_database(tmp_path), tmp_path, monkeypatch, DOCUMENTS)
    assert seen["documents"] >= DOCUMENTS
    wanted = ("mutations", "queries", *_WORDS, "deep failures", "conflict", "forbidden", "invalid", "not_found")
    assert [word for word in wanted if not seen[word]] == []


def test_they_agree_on_postgresql_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    with new_postgresql_database(postgres_server) as url:
        assert compare_many(url, tmp_path, monkeypatch, DOCUMENTS // 10)["documents"] >= DOCUMENTS // 10
