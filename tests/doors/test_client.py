"""Where a request came from, and whose word counts for it."""

from __future__ import annotations

from typing import Any

import pytest

from septet.core.message import Request
from septet.doors.client import Clients
from septet.settings import WrongSettingError
from support.doors import named

PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48", "127.0.0.1")


async def no_body() -> Any:
    return {"type": "http.disconnect"}


def identified(peer: str, *headers: tuple[bytes, bytes], trusted: tuple[str, ...] = PROXIES) -> Request:
    request = Request("GET", b"/", b"", headers, peer, "http", no_body)
    request.read_headers(100_000)
    Clients(trusted).identify(request)
    return request


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    named(
        ("no proxy", "192.0.2.1", None, "192.0.2.1"),
        ("a stranger who claims to be another", "192.0.2.1", b"198.51.100.1", "192.0.2.1"),
        ("behind a proxy", "10.0.0.1", b"192.0.2.1", "192.0.2.1"),
        ("behind two proxies", "10.0.0.1", b"192.0.2.1, 10.9.9.9", "192.0.2.1"),
        ("a forged beginning", "10.0.0.1", b"198.51.100.1, 192.0.2.1", "192.0.2.1"),
        ("a forged proxy", "10.0.0.1", b"198.51.100.1, 10.1.1.1, 192.0.2.1", "192.0.2.1"),
        ("proxies alone", "10.0.0.1", b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("not an address", "10.0.0.1", b"unknown", "10.0.0.1"),
        ("not an address before a proxy", "10.0.0.1", b"192.0.2.1, <script>, 10.0.0.2", "10.0.0.2"),
        ("nothing in it", "10.0.0.1", b"", "10.0.0.1"),
        ("with a port", "10.0.0.1", b"192.0.2.1:4711", "192.0.2.1"),
        ("IPv6 by its network", "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("IPv6 with a port", "10.0.0.1", b"[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("IPv6 behind an IPv6 proxy", "2001:db8:aaaa::1", b"2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("IPv4 written as IPv6", "::ffff:192.0.2.1", None, "192.0.2.1"),
        ("a proxy written as IPv6", "::ffff:10.0.0.1", b"192.0.2.1", "192.0.2.1"),
        ("a socket without an address", "", b"192.0.2.1", ""),
        ("an endless zone", "10.0.0.1", b"fe80::1%" + b"x" * 1000, "10.0.0.1"),
    ),
)
def test_addresses(peer: str, forwarded: bytes | None, address: str) -> None:
    headers = [(b"x-forwarded-for", forwarded)] if forwarded is not None else []
    assert identified(peer, *headers).client.address == address


def test_repeated_headers_are_one_list() -> None:
    headers = (b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"192.0.2.1")
    assert identified("10.0.0.1", *headers).client.address == "192.0.2.1"


def test_nobody_is_trusted_by_default() -> None:
    assert identified("127.0.0.1", (b"x-forwarded-for", b"192.0.2.1"), trusted=()).client.address == "127.0.0.1"


def test_the_scheme_is_the_nearest_proxy_s_word() -> None:
    assert identified("10.0.0.1", (b"x-forwarded-proto", b"http, HTTPS")).scheme == "https"
    assert identified("192.0.2.1", (b"x-forwarded-proto", b"https")).scheme == "http"


def test_a_user_agent_is_cut() -> None:
    assert identified("192.0.2.1", (b"user-agent", b"\xff" + b"x" * 2000)).client.user_agent == "ÿ" + "x" * 511


def test_a_wrong_setting_is_named_at_start() -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_TRUSTED_PROXIES"):
        Clients(("10.0.0.0/33",))


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("septet.doors.client._MOST_REMEMBERED", 3)
    clients = Clients(())
    for number in range(20):
        request = Request("GET", b"/", b"", (), f"192.0.2.{number}", "http", no_body)
        clients.identify(request)
        assert request.client.address == f"192.0.2.{number}"
    assert len(clients._peers) <= 3
