"""The OpenAPI document: valid, and true to what operations take and give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import fields
from openapi_spec_validator import OpenAPIV31SpecValidator

from septet.core.types import Input, Output, Page
from septet.doors.mcp_schemas import REFUSAL
from septet.doors.openapi import document
from septet.doors.openapi_replies import PROBLEM
from septet.doors.problems import ProblemBody
from septet.doors.schemas import Use, schemas_of
from support.asgi import call
from support.doors import open_door
from support.faulty_system import FAULTY


async def described(tmp_path: Path) -> dict[str, Any]:
    async with open_door(tmp_path, FAULTY) as septet:
        return document(septet.runtime)


async def test_it_is_valid_and_complete(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        served = (await call(septet.asgi, "GET", "/openapi.json")).body
        OpenAPIV31SpecValidator(served).validate()
        found = {(path, method) for path, methods in served["paths"].items() for method in methods}
        declared = {
            (operation.declared.path, operation.declared.method.lower())
            for operation in septet.runtime.registry.operations.values()
        }
        assert found == declared
        assert [tag["name"] for tag in served["tags"]] == ["core", "notes", "faulty"]


def test_a_problem_is_described_with_all_that_it_says() -> None:
    said = {field.encode_name for field in fields(ProblemBody)}
    assert PROBLEM["properties"].keys() == said
    assert REFUSAL["properties"].keys() == said


async def test_it_is_served_with_a_tag_and_compressed(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        first = await call(septet.asgi, "GET", "/openapi.json", ("accept-encoding", "gzip"))
        assert (first.status, first.header("content-encoding")) == (200, "gzip")
        tag = first.header("etag") or ""
        again = await call(septet.asgi, "GET", "/openapi.json", ("accept-encoding", "gzip"), ("if-none-match", tag))
        assert (again.status, again.header("etag")) == (304, tag)


async def test_an_operation_that_writes(tmp_path: Path) -> None:
    create = (await described(tmp_path))["paths"]["/v1/notes/notes"]["post"]
    assert (create["operationId"], create["summary"], create["tags"]) == ("create_note", "Write a note.", ["notes"])
    assert create["security"] == [{"bearer": ["notes:write"]}]
    assert create["parameters"] == [
        {"$ref": "#/components/parameters/IdempotencyKey"},
        {"$ref": "#/components/parameters/Fields"},
    ]
    assert create["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewNote"}}},
    }
    assert list(map(int, create["responses"])) == [201, 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 503]
    assert set(create["responses"]["201"]["headers"]) == {
        "Idempotent-Replayed",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "X-Request-Id",
    }
    conflict = create["responses"]["409"]["content"]["application/problem+json"]
    assert set(conflict["examples"]) == {"in_progress", "title_taken"}
    assert conflict["examples"]["title_taken"]["value"]["detail"] == "The caller has a note with this title."
    assert create["x-limits"] == [
        {"name": "default", "quota": 1200, "window": 60.0, "by": "actor"},
        {"name": "minute", "quota": 600, "window": 60.0, "by": "actor"},
    ]
    assert "600 calls in 60 seconds for each caller" in create["description"]
    assert "`notes:write`" in create["description"]


async def test_an_operation_that_reads(tmp_path: Path) -> None:
    paths = (await described(tmp_path))["paths"]
    listed = paths["/v1/notes/notes"]["get"]
    limit, cursor, version, *shaping = listed["parameters"]
    assert limit == {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "How many items at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    }
    assert cursor["schema"] == {"type": "string", "minLength": 1, "maxLength": 512}
    assert version == {"$ref": "#/components/parameters/IfNoneMatch"}
    assert shaping[-1] == {"$ref": "#/components/parameters/Fields"}
    reply = listed["responses"]["200"]
    assert reply["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NotePage"}
    assert {"ETag", "Link"} <= set(reply["headers"])
    assert "304" in listed["responses"]
    assert "404" in paths["/v1/notes/notes/{id}"]["get"]["responses"]


async def test_a_change(tmp_path: Path) -> None:
    change = (await described(tmp_path))["paths"]["/v1/notes/notes/{id}"]["patch"]
    assert set(change["requestBody"]["content"]) == {"application/json", "application/merge-patch+json"}
    named = {parameter.get("name"): parameter for parameter in change["parameters"]}
    assert (named["If-Match"]["in"], named["If-Match"]["schema"]) == ("header", {"type": "string"})
    assert {"404", "412"} <= set(change["responses"])


async def test_who_may_call(tmp_path: Path) -> None:
    found = await described(tmp_path)
    paths = found["paths"]
    assert paths["/v1/notes/echoes/{label}"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/v1/notes/secrets"]["post"]["security"] == []
    assert "401" not in paths["/v1/notes/secrets"]["post"]["responses"]
    assert "`server:read`" in found["components"]["securitySchemes"]["bearer"]["description"]


async def test_each_status_has_its_own_reply(tmp_path: Path) -> None:
    replies = (await described(tmp_path))["paths"]["/v1/notes/drafts"]["post"]["responses"]
    shown = {
        status: reply["content"]["application/json"]["schema"] for status, reply in replies.items() if status < "300"
    }
    assert shown == {"201": {"$ref": "#/components/schemas/Kept"}, "202": {"$ref": "#/components/schemas/Waiting"}}


async def test_what_is_sent_and_what_comes_back(tmp_path: Path) -> None:
    schemas = (await described(tmp_path))["components"]["schemas"]
    new = schemas["NewNote"]
    assert (new["required"], new["additionalProperties"]) == (["title"], False)
    assert new["description"] == "A note to write."
    assert new["properties"]["title"]["examples"] == ["Groceries"]
    assert new["properties"]["stars"]["description"] == "Default: 0."
    assert not [name for name, schema in new["properties"].items() if "default" in schema]
    note = schemas["Note"]
    assert note["required"] == ["id", "owner_id", "title", "color", "stars", "pinned", "created_at"]
    assert note["properties"]["id"] == {"type": "string", "format": "uuid"}
    page = schemas["NotePage"]
    assert page["required"] == ["items", "next", "previous"]  # count comes only when asked for
    assert page["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Note"}
    assert schemas["Color"] == {"type": "string", "enum": ["blue", "red"]}
    assert "required" not in schemas["NotePatch"]


class Inner(Input):
    number: int = 1


class Sent(Input):
    inner: Inner
    note: str | UnsetType = UNSET


class Given(Output):
    inner: Inner
    extra: str | UnsetType = UNSET
    more: str | None = None


class Cat(Struct, tag="cat", tag_field="kind"):
    meows: bool


class Dog(Struct, tag="dog", tag_field="kind"):
    barks: bool


class Zoo(Output):
    animal: Cat | Dog


def test_a_type_that_goes_both_ways_has_two_schemas_where_they_differ() -> None:
    (sent, given), schemas = schemas_of([Use(Sent, "in"), Use(Given, "out")])
    assert (sent, given) == ({"$ref": "#/components/schemas/Sent"}, {"$ref": "#/components/schemas/Given"})
    assert schemas["Sent"]["properties"]["inner"] == {"$ref": "#/components/schemas/InnerInput"}
    assert schemas["Given"]["properties"]["inner"] == {"$ref": "#/components/schemas/Inner"}
    assert "required" not in schemas["InnerInput"]
    assert schemas["Inner"]["required"] == ["number"]
    assert schemas["Given"]["required"] == ["inner", "more"]
    assert schemas["Sent"]["required"] == ["inner"]


def test_tagged_unions_tell_their_members_apart() -> None:
    _, schemas = schemas_of([Use(Zoo, "out")])
    assert schemas["Zoo"]["properties"]["animal"] == {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
        },
    }
    assert schemas["Cat"]["properties"]["kind"] == {"type": "string", "const": "cat"}
    assert schemas["Cat"]["required"] == ["kind", "meows"]


def test_two_types_with_one_name_are_refused() -> None:
    class NotePage(Output):
        text: str

    class Note(Output):
        text: str

    with pytest.raises(TypeError, match="NotePage"):
        schemas_of([Use(Page[Note], "out"), Use(NotePage, "out")])
