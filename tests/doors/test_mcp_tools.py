"""Operations as tools: who is offered which, what a call gives, and that it is the same call as over REST."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from septet.core.context import Actor, Context
from septet.core.floor import FLOOR
from septet.core.operation import operation
from septet.core.pipeline import Pipeline
from septet.core.registry import Registry
from septet.core.system import Scope, System
from septet.core.types import AccountId
from septet.doors import mcp_tools
from septet.doors.mcp_messages import MODERN, VERSIONS
from septet.doors.mcp_tools import WRITING, Tools
from septet.systems import BUILT_IN, load_cards
from support.agents import Agent, assert_error
from support.app import running_septet
from support.asgi import assert_problem, call
from support.doors import open_door
from support.sample_system import NOTES

READING = ["echo", "list_notes", "read_note"]
EVERYTHING = ["change_note", "create_note", "echo", "hand_in_draft", "list_notes", "read_note", "remove_note"]


@pytest.mark.parametrize(
    ("token", "offered"), [(None, ["echo"]), ("bob", READING), ("ada", READING), ("root", EVERYTHING)]
)
async def test_a_caller_is_offered_what_the_token_allows(tmp_path: Path, token: str | None, offered: list[str]) -> None:
    async with open_door(tmp_path) as septet:
        for version in VERSIONS:
            assert await Agent(septet, token, version).offered() == offered


async def test_a_tool_tells_what_it_takes_and_gives(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        listed = await Agent(septet, "root").result("tools/list")
    tools = {tool["name"]: tool for tool in listed["tools"]}
    change, remove, read = tools["change_note"], tools["remove_note"], tools["read_note"]
    assert (change["title"], change["description"]) == ("Change note", "Change what is given, leave the rest.")
    assert change["inputSchema"]["properties"].keys() == {"id", "title", "stars", "if_match"}
    assert (change["inputSchema"]["required"], change["inputSchema"]["additionalProperties"]) == (["id"], False)
    hints = {"openWorldHint": False, "readOnlyHint": False, "destructiveHint": False, "idempotentHint": False}
    assert change["annotations"] == {**hints, "title": "Change note"}
    assert remove["annotations"] == {**hints, "title": "Remove note", "destructiveHint": True, "idempotentHint": True}
    assert read["annotations"] == {**hints, "title": "Read note", "readOnlyHint": True, "idempotentHint": True}
    assert read["outputSchema"]["anyOf"][0] == {"$ref": "#/$defs/Note"}
    assert "outputSchema" not in remove
    assert "nextCursor" not in listed
    create = tools["create_note"]["inputSchema"]
    assert (create["required"], create["$defs"].keys()) == (["title"], {"Color", "Place"})


async def test_every_schema_is_one_and_every_reply_keeps_to_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        tools = {tool["name"]: tool for tool in (await agent.result("tools/list"))["tools"]}
        for tool in tools.values():
            Draft202012Validator.check_schema(tool["inputSchema"])
            assert tool["inputSchema"]["type"] == "object"
        note = await agent.value("create_note", title="Groceries", place={"city": "Graz", "country": "AT"})
        given = {
            "create_note": note,
            "read_note": await agent.value("read_note", id=note["id"]),
            "list_notes": await agent.value("list_notes", limit=1),
            "change_note": await agent.value("change_note", id=note["id"], stars=3),
            "hand_in_draft": await agent.value("hand_in_draft", title="Short"),
            "echo": (await agent.tool("echo", label="x", nothing=1))["structuredContent"],
        }
    for name, value in given.items():
        schema = tools[name]["outputSchema"]
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert list(Draft202012Validator(schema).iter_errors(value)) == []
        assert list(Draft202012Validator(schema).iter_errors({})) != []


async def test_a_call_gives_the_same_as_rest(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        note = await agent.value("create_note", title="Groceries", stars=2)
        result = await agent.tool("read_note", id=note["id"])
        over_rest = await call(septet.asgi, "GET", f"/v1/notes/notes/{note['id']}", token="root")
    assert result["structuredContent"] == over_rest.body == msgspec.json.decode(result["content"][0]["text"])
    assert result["_meta"] == {"septet/etag": over_rest.header("etag")}
    assert [content["type"] for content in result["content"]] == ["text"]


async def test_a_change_without_a_reply_says_that_it_is_done(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        note = await agent.value("create_note", title="Groceries")
        assert await agent.tool("remove_note", id=note["id"]) == {
            "content": [{"text": "Done.", "type": "text"}],
            "_meta": {},
        }


async def test_a_result_of_the_modern_revision_tells_its_type_and_who_gave_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root", MODERN)
        for result in (await agent.tool("echo", label="x"), await agent.tool("read_note", id="x")):
            assert result["resultType"] == "complete"
            assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "septet"
        listed = await agent.result("tools/list")
    assert (listed["resultType"], listed["cacheScope"]) == ("complete", "private")


@pytest.mark.parametrize(
    ("arguments", "code", "pointers"),
    [
        ({"title": "", "stars": -1, "color": "green"}, "invalid", ["/color", "/stars", "/title"]),
        ({"title": "x", "nothing": 1}, "invalid", ["/nothing"]),
        ({}, "invalid", ["/title"]),
        ({"title": "a\0b"}, "invalid", ["/title"]),
        ({"title": "Taken"}, "title_taken", ["/title"]),
    ],
)
async def test_a_refusal_is_a_result_with_the_problem_that_rest_gives(
    tmp_path: Path, arguments: dict[str, Any], code: str, pointers: list[str]
) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        await agent.value("create_note", title="Taken")
        answer = await agent.ask("tools/call", {"name": "create_note", "arguments": arguments})
        over_rest = await call(septet.asgi, "POST", "/v1/notes/notes", json=arguments, token="root")
    assert answer.status == 200
    result = answer.body["result"]
    problem = result["structuredContent"]
    assert problem.pop("request_id") == answer.header("x-request-id")
    told = over_rest.body
    del told["request_id"]
    assert (result["isError"], problem) == (True, told)
    assert (problem["code"], sorted(fault["pointer"] for fault in problem["errors"])) == (code, pointers)
    (text,) = result["content"]
    assert text["text"].startswith(f"{problem['title']}: {problem['detail']}")
    assert all(pointer in text["text"] for pointer in pointers)


async def test_the_place_of_an_argument_that_there_is_not_is_a_pointer(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        refused = await Agent(septet).tool("echo", **{"label": "x", "a/b~c": 1})
    assert [fault["pointer"] for fault in refused["structuredContent"]["errors"]] == ["/a~1b~0c"]


async def test_what_is_not_there_and_what_may_not_be_seen_look_the_same(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        note = await Agent(septet, "root").value("create_note", title="Mine")
        bob = Agent(septet, "bob")
        hidden = await bob.tool("read_note", id=note["id"])
        missing = await bob.tool("read_note", id="00000000-0000-7000-8000-000000000000")
    for result in (hidden, missing):
        del result["structuredContent"]["request_id"]
    assert hidden == missing
    assert hidden["structuredContent"]["code"] == "not_found"


@pytest.mark.parametrize("token", ["ada", "bob", "root"])
async def test_a_tool_that_is_not_offered_is_refused_as_one_that_there_is_not(tmp_path: Path, token: str) -> None:
    """`pin_note` is an operation, but no tool; `create_note` is a tool that only some tokens are offered."""
    names = ["pin_note", "make_secret", "nothing_like_it", *(["create_note"] if token != "root" else [])]
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, token)
        told = []
        for name in names:
            answer = await agent.ask("tools/call", {"name": name, "arguments": {"title": "x"}})
            error = assert_error(answer, 200, -32602, answer.body["id"])
            assert (error["data"]["code"], error["data"].pop("request_id")) == (
                "forbidden",
                answer.header("x-request-id"),
            )
            told.append(str(error).replace(name, ""))
        assert len(set(told)) == 1
        assert (await Agent(septet, "root").value("list_notes"))["items"] == []


async def test_without_a_token_a_tool_that_is_not_public_is_answered_with_how_to_sign_in(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for version in VERSIONS:
            for name in ("read_note", "create_note", "make_secret", "nothing_like_it"):
                answer = await Agent(septet, version=version).ask("tools/call", {"name": name})
                assert_problem(answer, 401, "unauthenticated")
                told = 'Bearer realm="septet", resource_metadata="'
                assert (answer.header("www-authenticate") or "").startswith(told)
            assert await Agent(septet, version=version).value("echo", label="hello")


async def test_a_name_that_is_long_is_not_told_again_in_full(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet, "bob").ask("tools/call", {"name": "x" * 100_000})
    assert len(answer.raw) < 1000


async def test_a_retry_with_the_same_key_has_its_effect_once(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=[FLOOR, NOTES]) as septet:
        agent = Agent(septet, "root")
        first = await agent.tool("create_note", "key-1", title="Once")
        again = await agent.ask(
            "tools/call",
            {"name": "create_note", "arguments": {"title": "Once"}, "_meta": {"septet/idempotency-key": "key-1"}},
        )
        other = await agent.tool("create_note", "key-1", title="Another")
        wrong = await agent.tool("create_note", "not a key\n", title="Another")
        over_rest = await call(
            septet.asgi, "POST", "/v1/notes/notes", ("idempotency-key", "key-1"), json={"title": "Once"}, token="root"
        )
        assert len((await agent.value("list_notes"))["items"]) == 1
    replayed = again.body["result"]
    assert (replayed["structuredContent"], replayed["_meta"]) == (first["structuredContent"], {"septet/replayed": True})
    assert again.header("idempotent-replayed") == "true"
    assert other["structuredContent"]["code"] == "idempotency_key_reused"
    assert wrong["structuredContent"]["errors"][0]["pointer"] == "/Idempotency-Key"
    assert (over_rest.body["id"], over_rest.header("idempotent-replayed")) == (
        replayed["structuredContent"]["id"],
        "true",
    )


async def test_a_change_may_name_the_version_it_is_meant_for(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet, "root")
        note = await agent.value("create_note", title="Groceries")
        seen = (await agent.tool("read_note", id=note["id"]))["_meta"]["septet/etag"]
        assert (await agent.value("change_note", id=note["id"], stars=1, if_match=seen))["stars"] == 1
        late = await agent.tool("change_note", id=note["id"], stars=2, if_match=seen)
    assert late["structuredContent"]["code"] == "precondition_failed"


async def test_limits_are_told_in_the_result_and_in_headers_and_spent_with_rest(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=2) as septet:
        agent = Agent(septet, "root")
        answer = await agent.ask("tools/call", {"name": "create_note", "arguments": {"title": "One"}})
        over_rest = await call(septet.asgi, "GET", "/v1/notes/notes", token="root")
        refused = await agent.ask("tools/call", {"name": "list_notes"})
    told = answer.body["result"]["_meta"]["septet/limits"]
    assert [(each["name"], each["quota"], each["window"], each["remaining"]) for each in told] == [
        ("default", 2, 60, 1),
        ("minute", 600, 60, 599),
    ]
    assert 30 <= told[0]["reset"] <= 31
    states = [f'"{each["name"]}";r={each["remaining"]};t={each["reset"]}' for each in told]
    assert answer.header("ratelimit") == ", ".join(states)
    assert answer.header("ratelimit-policy") == '"default";q=2;w=60, "minute";q=600;w=60'
    assert over_rest.status == 200
    assert (over_rest.header("ratelimit") or "").startswith('"default";r=0;')
    result = refused.body["result"]
    assert (refused.status, result["isError"]) == (200, True)
    assert (result["structuredContent"]["code"], result["structuredContent"]["status"]) == ("too_many_requests", 429)
    assert 0 < result["_meta"]["septet/retry-after"] <= 31
    assert refused.header("retry-after") == str(result["_meta"]["septet/retry-after"])


async def test_what_is_refused_for_lack_of_a_scope_costs_nothing(tmp_path: Path) -> None:
    async with open_door(tmp_path, limits=True, limit_default=1) as septet:
        bob = Agent(septet, "bob")
        for _ in range(3):
            await bob.ask("tools/call", {"name": "create_note", "arguments": {"title": "x"}})
        assert (await bob.value("list_notes"))["items"] == []


async def test_a_fault_of_the_server_is_told_without_its_words_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*args: Any) -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr(Pipeline, "call", fail)
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet, "root").ask("tools/call", {"name": "list_notes"})
    result = answer.body["result"]
    assert (answer.status, result["isError"], result["structuredContent"]["code"]) == (200, True, "internal")
    assert b"secret words" not in answer.raw
    logged = capsys.readouterr().out
    assert "secret words" in logged
    assert result["structuredContent"]["request_id"] in logged


async def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        tools = Tools(septet.runtime, septet.pipeline, tools_a_page=3)
        actor = Actor(account=AccountId(msgspec.convert("00000000-0000-7000-8000-000000000001", AccountId)))
        actor = msgspec.structs.replace(actor, scopes=frozenset({"notes:read", "notes:write", WRITING}))
        names: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            page = msgspec.json.decode(tools.page(actor, cursor, modern=False))
            names += [tool["name"] for tool in page["tools"]]
            cursor = page.get("nextCursor")
    assert (names, cursor) == (EVERYTHING, None)


async def test_lists_are_kept_for_so_many_sets_of_scopes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tools, "_MOST_CATALOGUES", 2)
    async with open_door(tmp_path) as septet:
        for _ in range(2):
            for token, count in ((None, 1), ("bob", 3), ("ada", 3), ("root", 7)):
                assert len(await Agent(septet, token).offered()) == count


def test_what_agents_are_offered_holds_no_secret() -> None:
    registry = Registry([FLOOR, *load_cards(list(BUILT_IN))])
    offered = [each for each in registry.operations.values() if each.declared.agent]
    assert {each.name for each in offered} >= {"read_me", "list_sessions", "change_me"}
    assert [each.name for each in offered if each.declared.secret] == []
    assert registry.scopes[WRITING].members is False


@operation.post("/v1/leaks/leaks", scope="leaks:write", secret=True, agent=True)
async def leak(ctx: Context) -> None:
    """Give an agent a secret."""


def test_an_operation_with_a_secret_that_is_offered_to_agents_is_refused_at_start() -> None:
    module = ModuleType("leaks")
    module.__name__ = __name__
    module.__dict__["leak"] = leak
    card = System(name="leaks", summary="Leaks.", modules=(module,), scopes={"leaks:write": Scope("Leak.")})
    with pytest.raises(TypeError, match="leak: what takes or gives a secret is not offered to agents"):
        Registry([FLOOR, card])
