"""The sockets that `serve` listens on, opened before anything else: a port that is taken is known at once.

Opened by whoever starts workers, so that a second server is refused, port 0 is known before the application is built,
and connections that wait outlive a worker that died.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from septet.settings import WrongSettingError

BACKLOG = 1024  # connections that may wait to be accepted
_LISTENS = "0A"  # how /proc/net/tcp writes the state


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` sockets that listen on the same port. Raises WrongSettingError if they cannot.

    Linux spreads connections evenly over sockets of one port; elsewhere all workers share the one that is opened.
    """
    family, address = _resolve(host, port)
    try:
        first = _bind(family, address)
        if count > 1 and sys.platform == "linux":
            address = (address[0], first.getsockname()[1], *address[2:])
            first.close()  # nobody else has the port; all who share one must say so before they take it
            sockets = [_bind(family, address, shared=True) for _ in range(count)]
        else:
            sockets = [first]
        for opened in sockets:
            opened.listen(BACKLOG)
    except OSError as error:
        raise WrongSettingError(_why_not(error, host, port)) from error
    return sockets


def holder_of(port: int) -> str | None:
    """Who listens on `port`, as "name (process 123)", where Linux tells and we may know."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text(errors='replace').strip()} (process {process.name})"
        except OSError:  # it ended, or it is somebody else's
            continue
    return None


def free_port(host: str, after: int) -> int | None:
    """The next port that nobody listens on."""
    for port in range(after + 1, min(after + 100, 65_536)):
        family, address = _resolve(host, port)
        try:
            _bind(family, address).close()
        except OSError:
            continue
        return port
    return None


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise WrongSettingError(f"SEPTET_HOST: {host} is no address and no known name") from None
    return found[0][0], found[0][4]  # type: ignore[return-value]  # typeshed allows for other families


def _bind(
    family: socket.AddressFamily, address: tuple[str, int] | tuple[str, int, int, int], *, shared: bool = False
) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was left just now is free
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        opened.setblocking(False)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        holder, free = holder_of(port), free_port(host, port)
        advice = f" Take another: SEPTET_PORT={free}" if free else ""
        return f"SEPTET_PORT: port {port} is taken{f' by {holder}' if holder else ''}.{advice}"
    if error.errno == errno.EACCES:
        return f"SEPTET_PORT: port {port} needs more rights than this user has; take one from 1024 up"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"SEPTET_HOST: {host} is no address of this machine"
    return f"SEPTET_HOST: cannot listen on {host} port {port}: {error.strerror or error}"


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]
