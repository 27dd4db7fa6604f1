"""Calls to other servers: where they may go, and what may come back."""

from __future__ import annotations

import socket

import httpx
import pytest

from septet.core.guarded_transport import guarded
from septet.core.outbound import OutboundError, is_outside, resolve
from support.lying_provider import lying_provider, send


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:0a00:0001::1",
        "64:ff9b:1::1",
        "64:ff9b::10.0.0.1",
    ],
)
async def test_addresses_inside_are_refused(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:220:1::1", "::ffff:93.184.215.14", "64:ff9b::93.184.215.14"]
)
async def test_addresses_outside_are_called(address: str) -> None:
    assert is_outside(address)


async def test_names_that_lead_inside() -> None:
    with pytest.raises(OutboundError, match="inside"):
        await resolve("localhost", 443, ())
    assert await resolve("127.0.0.1", 443, {"127.0.0.1"}) == "127.0.0.1"
    with pytest.raises(OutboundError):
        await resolve("no-such-name.invalid", 443, ())
    with pytest.raises(OutboundError):
        await resolve("x" * 300, 443, ())


async def test_without_tls_only_what_was_named_on_the_loopback_interface() -> None:
    with lying_provider() as provider:
        async with guarded({"127.0.0.1"}) as transport, httpx.AsyncClient(transport=transport) as http:
            assert (await http.get(f"{provider.issuer}/jwks")).status_code == 200
        with pytest.raises(OutboundError, match="inside"):
            async with guarded(()) as transport, httpx.AsyncClient(transport=transport) as http:
                await http.get(f"{provider.issuer}/jwks")
        with pytest.raises(OutboundError, match="https"):
            async with guarded(()) as transport, httpx.AsyncClient(transport=transport) as http:
                await http.get("http://93.184.215.14/")


async def test_the_host_that_was_asked_for_is_told() -> None:
    """The address is pinned, and the server still learns which name was meant."""
    heard: list[str | None] = []
    with lying_provider() as provider:
        provider.answers["/x"] = lambda request: (heard.append(request.headers["host"]), send(request, b"{}"))[1]
        port = provider.issuer.rpartition(":")[2]
        async with guarded({"localhost"}) as transport, httpx.AsyncClient(transport=transport) as http:
            await http.get(f"http://localhost:{port}/x")
        assert heard == [f"localhost:{port}"]


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OutboundError, match="ConnectError"):
        async with guarded({"127.0.0.1"}) as transport, httpx.AsyncClient(transport=transport) as http:
            await http.get(f"http://127.0.0.1:{port}/")
