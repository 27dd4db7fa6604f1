"""Where a request really came from: the socket, or what a trusted proxy says of it.

A stranger may send any `X-Forwarded-*` header, so these are believed only from peers in `SEPTET_TRUSTED_PROXIES`,
and of the addresses in `X-Forwarded-For` the rightmost one counts that is not itself such a proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

from septet.core.context import Client
from septet.core.message import Request
from septet.settings import WrongSettingError

Address = IPv4Address | IPv6Address

_LONGEST_USER_AGENT = 512
_MOST_REMEMBERED = 10_000
_LONGEST_ADDRESS = 45  # an IPv4 address in an IPv6 one, written out


class Peer(Struct, frozen=True):
    """An address, looked at once. `group` is what limits count by: one IPv4 address, or an IPv6 network of /64."""

    group: str
    trusted: bool


class Clients:
    """Tells clients apart. Looks at each address once and remembers what it saw."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        try:
            self._trusted = [ip_network(text, strict=False) for text in trusted_proxies]
        except ValueError as error:
            raise WrongSettingError(f"SEPTET_TRUSTED_PROXIES: {error}") from error
        self._peers: dict[str, Peer] = {}

    def identify(self, request: Request) -> Peer:
        """Sets `request.client`, and `request.scheme` as the client sees it. Gives the peer of the socket."""
        peer = self._peers.get(request.peer) or self._look_at(request.peer)
        group = peer.group
        if peer.trusted:
            if request.forwarded_for is not None:
                group = self._forwarded(request.forwarded_for, peer).group
            if request.forwarded_proto is not None:
                request.scheme = request.forwarded_proto.rpartition(b",")[2].strip().lower().decode("latin-1")
        user_agent = request.user_agent
        request.client = Client(group, user_agent[:_LONGEST_USER_AGENT].decode("latin-1") if user_agent else "")
        return peer

    def _forwarded(self, header: bytes, nearest: Peer) -> Peer:
        """The rightmost hop that is no trusted proxy. What stands left of it, or is no address, proves nothing."""
        hop = nearest
        for text in reversed(header.decode("latin-1").split(",")):
            address = _without_port(text.strip())
            if _parsed(address) is None:
                return hop
            hop = self._peers.get(address) or self._look_at(address)
            if not hop.trusted:
                return hop
        return hop

    def _look_at(self, text: str) -> Peer:
        address = _parsed(text)
        if address is None:
            peer = Peer(text, trusted=False)
        else:
            trusted = any(address in network for network in self._trusted)
            peer = Peer(_group(address), trusted)
        if len(self._peers) >= _MOST_REMEMBERED:
            self._peers.clear()
        self._peers[text] = peer
        return peer


def _parsed(text: str) -> Address | None:
    if len(text) > _LONGEST_ADDRESS:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _group(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def _without_port(text: str) -> str:
    """`192.0.2.1:4711` and `[2001:db8::1]:4711` as some proxies write them."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
