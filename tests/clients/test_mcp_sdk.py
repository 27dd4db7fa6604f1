"""The official SDK's client, against a server that is really served: what it sends must pass, in both eras."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client

import mcp
from support.served import sign_in

ERAS = ["legacy", "auto"]


@asynccontextmanager
async def connected(server: str, token: str | None, mode: str) -> AsyncIterator[Any]:
    """A client as its documentation shows it; the token goes along in a header."""
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(f"{server}/mcp", http_client=http)
        async with mcp.Client(transport, mode=mode) as client:
            yield client


def member(server: str) -> str:
    """The token of somebody who registered just now."""
    person = {"email": f"{uuid4()}@example.com", "password": "correct horse battery staple"}
    httpx.post(f"{server}/v1/identity/accounts", json=person).raise_for_status()
    token: str = httpx.post(f"{server}/v1/identity/sessions", json=person).raise_for_status().json()["access_token"]
    return token


async def offered(client: Any) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("mode", ERAS)
async def test_it_agrees_on_the_newest_revision_that_it_speaks(server: str, mode: str) -> None:
    async with connected(server, None, mode) as client:
        assert client.protocol_version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
        assert client.server_info.name == "septet"
        assert client.server_capabilities.tools is not None
        assert await offered(client) == {"echo"}


@pytest.mark.parametrize("mode", ERAS)
async def test_it_reads_and_writes(server: str, mode: str) -> None:
    """It holds every reply against the tool's schema by itself."""
    title = f"Groceries {uuid4()}"
    async with connected(server, sign_in(server), mode) as client:
        assert await offered(client) >= {"read_me", "change_me", "list_sessions", "create_note", "remove_note"}
        key = {"septet/idempotency-key": str(uuid4())}
        made = await client.call_tool("create_note", {"title": title, "stars": 3}, meta=key)
        again = await client.call_tool("create_note", {"title": title, "stars": 3}, meta=key)
        note = made.structured_content
        assert (made.is_error, note["stars"], again.structured_content) == (False, 3, note)
        assert again.meta["septet/replayed"] is True
        read = await client.call_tool("read_note", {"id": note["id"]})
        assert read.structured_content == note
        removed = await client.call_tool("remove_note", {"id": note["id"]})
        assert (removed.is_error, removed.content[0].text) == (False, "Done.")
        listed = await client.call_tool("list_notes", {"limit": 100})
        assert title not in {each["title"] for each in listed.structured_content["items"]}


@pytest.mark.parametrize("mode", ERAS)
async def test_it_is_told_of_refusals(server: str, mode: str) -> None:
    async with connected(server, sign_in(server), mode) as client:
        await client.list_tools()  # so that it knows the schemas, and checks refusals against them too
        wrong = await client.call_tool("create_note", {"title": ""})
        missing = await client.call_tool("read_note", {"id": str(uuid4())})
    assert (wrong.is_error, wrong.structured_content["code"]) == (True, "invalid")
    assert wrong.structured_content["errors"][0]["pointer"] == "/title"
    assert (missing.is_error, missing.structured_content["status"]) == (True, 404)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_usual_token_only_reads(server: str, mode: str) -> None:
    async with connected(server, member(server), mode) as client:
        assert await offered(client) == {"echo", "list_notes", "list_sessions", "read_me", "read_note"}
        assert (await client.call_tool("read_me", {})).structured_content["email"].endswith("@example.com")
        with pytest.raises(mcp.MCPError, match="Unknown tool: create_note") as refused:
            await client.call_tool("create_note", {"title": "x"})
    assert (refused.value.error.code, refused.value.error.data["code"]) == (-32602, "forbidden")


@pytest.mark.parametrize("mode", ERAS)
async def test_it_reads_resources(server: str, mode: str) -> None:
    async with connected(server, None, mode) as client:
        for resource in (await client.list_resources()).resources:
            (contents,) = (await client.read_resource(resource.uri)).contents
            assert (str(contents.uri), contents.mime_type) == (str(resource.uri), resource.mime_type)
            assert contents.text
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "septet://errors/{code}"
        with pytest.raises(mcp.MCPError, match="no such resource"):
            await client.read_resource("septet://nowhere")


@pytest.mark.parametrize("mode", ERAS)
async def test_a_token_that_does_not_hold_does_not_connect(server: str, mode: str) -> None:
    with pytest.raises((BaseExceptionGroup, mcp.MCPError)):
        async with connected(server, "stale", mode):
            pytest.fail("it connected")
