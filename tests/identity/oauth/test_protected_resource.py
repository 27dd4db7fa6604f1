"""What protected resources say of themselves (RFC 9728): an agent that gets 401 finds the way to a token by itself."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from septet.core.errors import Unauthenticated
from support.asgi import call as request
from support.oauth import provider

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_me", "arguments": {}}}'
HEADERS = (("content-type", "application/json"), ("accept", "application/json, text/event-stream"))


@pytest.mark.parametrize("base", ["https://api.example.org", "https://example.org/tenant"])
@pytest.mark.parametrize("token", [None, "forged"])
async def test_from_401_to_the_authorization_server(tmp_path: Path, base: str, token: str | None) -> None:
    """Sections 5.1, 3.1 and 3.3: the resource that is told is the one that was asked."""
    async with provider("", tmp_path, public_url=base) as (septet, _):
        refused = await request(septet.asgi, "POST", "/mcp", *HEADERS, body=CALL, token=token)
        assert refused.status == 401
        found = re.search(r'resource_metadata="([^"]+)"', refused.header("www-authenticate") or "")
        assert found
        assert found[1].startswith(f"https://{urlsplit(base).netloc}/.well-known/oauth-protected-resource")
        told = (await request(septet.asgi, "GET", urlsplit(found[1]).path)).body
        assert (told["resource"], told["authorization_servers"]) == (f"{base}/mcp", [base])
        server = urlsplit(told["authorization_servers"][0])
        metadata = await request(septet.asgi, "GET", f"/.well-known/oauth-authorization-server{server.path}")
        assert metadata.body["issuer"] == base


async def test_rest_says_nothing_of_it_but_the_document_is_there(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        refused = await request(septet.asgi, "GET", "/v1/identity/me")
        assert "resource_metadata" not in (refused.header("www-authenticate") or "")
        told = (await request(septet.asgi, "GET", "/.well-known/oauth-protected-resource")).body
        assert told["resource"] == septet.runtime.floor.base_url
        assert "identity:read" in told["scopes_supported"]


def test_one_door_tells_it_and_leaves_the_others_as_they_are() -> None:
    problem = Unauthenticated("x")
    problem.resource_metadata = "https://example.org"
    assert Unauthenticated("x").resource_metadata == ""
