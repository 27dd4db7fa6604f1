"""Operations over HTTP, on both databases: who may, what comes back, what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from septet.app import Septet
from septet.core.floor import FLOOR
from septet.core.versions import etag_of
from support.app import running_septet
from support.asgi import assert_problem, call
from support.doors import named, open_door
from support.sample_system import NOTES as NOTES_SYSTEM

NOTES = "/v1/notes/notes"
PLACE = {"city": "Graz", "country": "AT"}


@asynccontextmanager
async def notes_on(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Septet]:
    async with running_septet(database_url, folder, systems=[FLOOR, NOTES_SYSTEM], **settings) as septet:
        yield septet


async def test_the_life_of_a_note(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        app = septet.asgi
        made = await call(app, "POST", NOTES, json={"title": "x", "stars": 3}, token="ada")
        assert made.status == 201
        assert made.body == {
            "id": made.body["id"],
            "owner_id": "00000000-0000-0000-0000-000000000001",
            "title": "x",
            "color": "blue",
            "stars": 3,
            "pinned": False,
            "created_at": "2026-01-01T12:00:00Z",
        }
        path = made.header("location") or ""
        assert path == f"{NOTES}/{made.body['id']}"
        read = await call(app, "GET", path, token="ada")
        assert (read.status, read.body, read.header("etag")) == (200, made.body, etag_of(made.body))
        assert (await call(app, "GET", f"{NOTES}/latest", token="ada")).body == made.body
        changed = await call(app, "PATCH", path, json={"title": "y"}, token="ada")
        assert changed.body == {**made.body, "title": "y"}
        pinned = await call(app, "PUT", f"{path}/pin", token="ada")
        assert pinned.body == {**changed.body, "pinned": True}
        gone = await call(app, "DELETE", path, token="ada")
        assert (gone.status, gone.raw) == (204, b"")
        assert gone.header("content-type") is None
        for method in ("GET", "DELETE"):
            assert_problem(await call(app, method, path, token="ada"), 404, "not_found")


async def test_a_refused_body_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        refused = await call(septet.asgi, "POST", NOTES, json={"title": "", "nope": 1}, token="ada")
        assert_problem(refused, 422, "invalid")
        assert refused.pointers == ["/nope", "/title"]
        await call(septet.asgi, "POST", NOTES, json={"title": "x"}, token="ada")
        taken = await call(septet.asgi, "POST", NOTES, json={"title": "x"}, token="ada")
        assert_problem(taken, 409, "title_taken")
        assert taken.pointers == ["/title"]
        assert len((await call(septet.asgi, "GET", NOTES, token="ada")).body["items"]) == 1


async def test_a_note_is_its_owner_s(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        path = (await call(septet.asgi, "POST", NOTES, json={"title": "x"}, token="ada")).header("location") or ""
        assert_problem(await call(septet.asgi, "GET", path, token="bob"), 404, "not_found")
        assert (await call(septet.asgi, "GET", NOTES, token="bob")).body["items"] == []


async def test_pages_are_linked(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        app = septet.asgi
        for number in range(5):
            await call(app, "POST", NOTES, json={"title": str(number)}, token="ada")
        target, titles = f"{NOTES}?limit=2&cursor=", []
        target = f"{NOTES}?limit=2"
        while target:
            answer = await call(app, "GET", target, token="ada")
            titles.append([note["title"] for note in answer.body["items"]])
            links = dict(reversed(link.split("; ")) for link in (answer.header("link") or "").split(", ") if link)
            assert ('rel="next"' in links) is (answer.body["next"] is not None)
            assert ('rel="prev"' in links) is (answer.body["previous"] is not None)
            target = links.get('rel="next"', "").strip("<>")
            if target:
                assert urlsplit(target).query == f"limit=2&cursor={answer.body['next']}"
        assert titles == [["4", "3"], ["2", "1"], ["0"]]
        back = await call(app, "GET", links['rel="prev"'].strip("<>"), token="ada")
        assert [note["title"] for note in back.body["items"]] == ["2", "1"]
        assert_problem(await call(app, "GET", f"{NOTES}?cursor=forged", token="ada"), 422, "invalid")


async def test_a_change_of_what_was_changed_is_refused(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        app = septet.asgi
        path = (await call(app, "POST", NOTES, json={"title": "x"}, token="ada")).header("location") or ""
        tag = (await call(app, "GET", path, token="ada")).header("etag") or ""
        for if_match, status in ((f"W/{tag}", 412), ('"other"', 412), ("nonsense", 422), (f'"other", {tag}', 200)):
            answer = await call(app, "PATCH", path, ("if-match", if_match), json={"stars": 1}, token="ada")
            assert answer.status == status
        assert_problem(
            await call(app, "PATCH", path, ("if-match", tag), json={"stars": 2}, token="ada"),
            412,
            "precondition_failed",
        )
        assert (await call(app, "GET", path, token="ada")).body["stars"] == 1
        assert (await call(app, "PATCH", path, ("if-match", "*"), json={"stars": 3}, token="ada")).status == 200


async def test_a_retry_has_its_effect_once(database_url: str, tmp_path: Path) -> None:
    async with notes_on(database_url, tmp_path) as septet:
        app, key = septet.asgi, ("idempotency-key", "k-1")
        first = await call(app, "POST", NOTES, key, json={"title": "x"}, token="ada")
        again = await call(app, "POST", NOTES, key, json={"title": "x"}, token="ada")
        assert (first.status, first.header("idempotent-replayed")) == (201, None)
        assert (again.status, again.header("idempotent-replayed")) == (201, "true")
        assert (again.raw, again.header("location")) == (first.raw, first.header("location"))
        other = await call(app, "POST", NOTES, key, json={"title": "y"}, token="ada")
        assert_problem(other, 422, "idempotency_key_reused")
        for bad in ("", "x" * 256, "with space", "ümlaut"):
            answer = await call(app, "POST", NOTES, ("idempotency-key", bad), json={"title": "z"}, token="ada")
            assert_problem(answer, 422, "invalid")
            assert answer.pointers == ["/Idempotency-Key"]
        assert len((await call(app, "GET", NOTES, token="ada")).body["items"]) == 1


async def test_a_status_may_depend_on_what_comes_back(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for title, status, result in (("a few words", 201, "kept"), ("word " * 20, 202, "waiting")):
            answer = await call(septet.asgi, "POST", "/v1/notes/drafts", json={"title": title}, token="ada")
            assert (answer.status, answer.body["result"]) == (status, result)


CHALLENGE = 'Bearer realm="septet"'


@pytest.mark.parametrize(
    ("method", "headers", "status", "challenge"),
    named(
        ("no token", "GET", [], 401, CHALLENGE),
        ("another scheme", "GET", [("authorization", "Basic YTpi")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("no scheme", "GET", [("authorization", "ada")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("an empty token", "GET", [("authorization", "Bearer ")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("no such alphabet", "GET", [("authorization", "Bearer a b")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("not ASCII", "GET", [("authorization", "Bearer \xff")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("expired", "GET", [("authorization", "Bearer expired")], 401, f'{CHALLENGE}, error="invalid_token"'),
        ("the scheme in small letters", "GET", [("authorization", "bearer ada")], 200, None),
        (
            "a scope is missing",
            "POST",
            [("authorization", "Bearer bob")],
            403,
            f'{CHALLENGE}, error="insufficient_scope", scope="notes:write"',
        ),
    ),
)
async def test_who_asks(
    tmp_path: Path, method: str, headers: list[tuple[str, str]], status: int, challenge: str | None
) -> None:
    async with open_door(tmp_path) as septet:
        answer = await call(septet.asgi, method, NOTES, *headers)
        assert (answer.status, answer.header("www-authenticate")) == (status, challenge)


async def test_a_stale_token_does_not_keep_anybody_from_signing_in_anew(tmp_path: Path) -> None:
    """Public operations that write take it for none; public reads, which may show more to some, refuse it."""
    async with open_door(tmp_path) as septet:
        assert (await call(septet.asgi, "POST", "/v1/notes/secrets", json=PLACE, token="expired")).status == 201
        assert (await call(septet.asgi, "GET", "/v1/notes/echoes/x", token="expired")).status == 401
        assert (await call(septet.asgi, "GET", "/v1/notes/echoes/x")).status == 200


async def test_limits_are_told_and_kept(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=2) as septet:
        app = septet.asgi
        first = await call(app, "GET", NOTES, token="ada")
        assert first.header("ratelimit-policy") == '"default";q=2;w=60'
        assert first.header("ratelimit") == '"default";r=1;t=30'
        made = await call(app, "POST", NOTES, json={"title": "x"}, token="ada")
        assert made.header("ratelimit-policy") == '"default";q=2;w=60, "minute";q=600;w=60'
        assert made.header("ratelimit") == '"default";r=0;t=60, "minute";r=599;t=1'
        refused = await call(app, "GET", NOTES, token="ada")
        assert_problem(refused, 429, "too_many_requests")
        assert refused.header("retry-after") == "30"
        assert refused.header("ratelimit") == '"default";r=0;t=30'
        assert (await call(app, "GET", NOTES, token="bob")).status == 200
        for peer, status in (
            ("2001:db8::1", 200),
            ("2001:db8::2", 200),
            ("2001:db8::3", 429),
            ("2001:db8:0:1::1", 200),
        ):
            assert (await call(app, "GET", "/v1/notes/echoes/x", peer=peer)).status == status


async def test_no_limits_no_headers(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=False) as septet:
        answer = await call(septet.asgi, "GET", NOTES, token="ada")
        assert (answer.header("ratelimit"), answer.header("ratelimit-policy")) == (None, None)
