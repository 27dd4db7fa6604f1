"""What an agent may read about the server, and that it is what people read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from septet.doors.markdown import markdown_of
from septet.doors.mcp import MOST_IN_A_BATCH
from septet.doors.mcp_messages import MODERN, VERSIONS, RequestMeta, ResultMeta
from septet.doors.mcp_resources import TEMPLATES
from septet.doors.mcp_tools import WRITING
from support.agents import Agent, assert_error
from support.asgi import call
from support.doors import open_door

URIS = ["septet://guide", "septet://operations", "septet://errors", "septet://openapi.json"]


async def test_every_resource_that_is_listed_can_be_read_by_anybody_in_any_revision(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        for version in ("2025-03-26", MODERN):
            agent = Agent(septet, version=version)
            listed = (await agent.result("resources/list"))["resources"]
            assert [resource["uri"] for resource in listed] == URIS
            for resource in listed:
                (contents,) = (await agent.result("resources/read", {"uri": resource["uri"]}))["contents"]
                assert (contents["uri"], contents["mimeType"]) == (resource["uri"], resource["mimeType"])
                assert len(contents["text"]) > 200


async def _read(agent: Agent, uri: str) -> str:
    (contents,) = (await agent.result("resources/read", {"uri": uri}))["contents"]
    return str(contents["text"])


async def test_the_guide_is_that_of_the_site(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        guide = await _read(Agent(septet), "septet://guide")
        page = await call(septet.asgi, "GET", "/guide")
    assert guide.startswith("# Guide\n\nWhat holds for every operation of this server")
    assert "[The API](http://127.0.0.1:8000/docs)" in guide
    assert 'curl http://127.0.0.1:8000/v1/identity/me -H "Authorization: Bearer $ACCESS_TOKEN"\n```' in guide
    assert "<" not in guide.replace("<code>", "")
    headings = [line[3:] for line in guide.splitlines() if line.startswith("## ")]
    assert [page.raw.decode().count(f">{heading}</h2>") for heading in headings] == [1] * len(headings)
    assert len(headings) == page.raw.count(b"</h2>")


async def test_the_document_of_operations_is_the_one_that_is_served(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        text = await _read(Agent(septet), "septet://openapi.json")
        served = await call(septet.asgi, "GET", "/openapi.json")
    assert msgspec.json.decode(text) == served.body


async def test_operations_and_errors_are_all_told(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet)
        operations, errors = await _read(agent, "septet://operations"), await _read(agent, "septet://errors")
        registry = septet.runtime.registry
    assert all(f"`{name}`" in operations for name in registry.operations)
    assert "- `read_note`: One note. `GET /v1/notes/notes/{id}`, needs `notes:read`; a tool.\n" in operations
    assert (
        "- `make_secret`: A reply that nobody may guess the size of. `POST /v1/notes/secrets`, open to everybody.\n"
        in operations
    )
    assert all(f"`{code}`" in errors for code in [*registry.problems, "method_not_allowed", "body_too_large"])


async def test_one_error_by_its_code(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        agent = Agent(septet)
        (template,) = (await agent.result("resources/templates/list"))["resourceTemplates"]
        assert template["uriTemplate"] == "septet://errors/{code}"
        text = await _read(agent, "septet://errors/title_taken")
    assert text == "# Title taken\n\n409 `title_taken`\n\nThe caller has a note with this title.\n"


@pytest.mark.parametrize(
    "uri", ["septet://", "septet://errors/none", "septet://errors/", "file:///etc/passwd", "", "x" * 9000]
)
async def test_any_other_is_not_there(tmp_path: Path, uri: str) -> None:
    async with open_door(tmp_path) as septet:
        answer = await Agent(septet).ask("resources/read", {"uri": uri})
        assert_error(answer, 200, -32002)
        assert len(answer.raw) < 500
        modern = await Agent(septet, version=MODERN).ask("resources/read", {"uri": uri})
        assert_error(modern, 400, -32602)


def test_the_documentation_names_all_that_it_should() -> None:
    text = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text()
    told = [field.encode_name for kind in (ResultMeta, RequestMeta) for field in msgspec.structs.fields(kind)]
    ours = [name for name in told if name.startswith("septet/")]
    assert len(ours) == 5
    addresses = [*URIS, TEMPLATES[0].uri_template]
    assert [name for name in (*ours, *addresses, *VERSIONS, WRITING) if f"`{name}`" not in text] == []
    assert f"at most {MOST_IN_A_BATCH} messages" in text


def test_markdown_of_a_page() -> None:
    page = """<html><head><title>No</title></head><body><header>No</header><main>
      <h1>One &amp; <code>two</code></h1><p class="lead">A <a href="/x">link</a>
        on two lines.</p><ul><li>first</li><li>second</li></ul>
      <pre><code>$ run &lt;it&gt;
      now</code></pre><dl><div><dt>word</dt><dd>meaning</dd></div></dl></main><footer>No</footer></body></html>"""
    assert markdown_of(page, "http://here.test") == (
        "# One & `two`\n\nA [link](http://here.test/x) on two lines.\n\n- first\n\n- second\n\n"
        "```\n$ run <it>\n      now\n```\n\n- `word`: meaning\n"
    )
