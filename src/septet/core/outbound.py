"""Calls to other servers, whose addresses came from somebody or something: guarded.

A name is resolved once, and the address that was looked at is the one that is called, so no name can point elsewhere a
moment later. Addresses inside this network are refused but for hosts that the operator named. Nothing is followed,
nothing is endless: a reply has a size and a call has its time. `guarded_transport.py` holds calls to all this.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

MOST_BYTES = 1_000_000
LONGEST_SECONDS = 10.0
_NAT64 = ip_network("64:ff9b::/96")  # an IPv4 address in its last four bytes (RFC 6052)
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")  # RFC 8215


class OutboundError(Exception):
    """Another server was not called, or gave no answer that can be used. It says which and why, for the log."""


async def resolve(host: str, port: int, named: Collection[str]) -> str:
    """The address to call `host` at. Raises OutboundError for one that is nobody's, or inside."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundError(f"{host}: {error}") from error
    addresses = [str(info[4][0]) for info in found]
    if host not in named and not all(is_outside(address) for address in addresses):
        raise OutboundError(f"{host}: its address is inside this network")
    return addresses[0]


def is_outside(address: str) -> bool:
    """Whether it is an address of the internet's, whatever it is wrapped in."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed in _LOCAL_NAT64:
            return False
        inside = IPv4Address(int(parsed) & 0xFFFFFFFF) if parsed in _NAT64 else None
        parsed = parsed.ipv4_mapped or parsed.sixtofour or inside or parsed
    return parsed.is_global and not parsed.is_multicast
