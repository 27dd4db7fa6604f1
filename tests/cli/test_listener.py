"""The sockets that `serve` listens on."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from septet.cli.checks import check_port
from septet.cli.common import plain_errors
from septet.cli.listener import free_port, holder_of, open_listeners
from septet.settings import Settings, WrongSettingError


@contextlib.contextmanager
def listening(host: str, port: int = 0, count: int = 1) -> Iterator[list[socket.socket]]:
    opened = open_listeners(host, port, count)
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


def port_of(opened: list[socket.socket]) -> int:
    return int(opened[0].getsockname()[1])


def test_one_socket_for_one_process() -> None:
    with listening("127.0.0.1") as opened:
        assert len(opened) == 1
        socket.create_connection(("127.0.0.1", port_of(opened)), timeout=2).close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers share one socket")
def test_a_socket_for_each_worker_on_the_same_port() -> None:
    with listening("127.0.0.1", count=3) as opened:
        assert len({one.getsockname() for one in opened}) == 1
        assert len({one.fileno() for one in opened}) == 3
        port = port_of(opened)
        clients = [socket.create_connection(("127.0.0.1", port), timeout=2) for _ in range(60)]
        assert sum(_accepted(one) for one in opened) == 60
        assert all(_accepted(one) == 0 for one in opened)
        for client in clients:
            client.close()


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("second", [1, 2])
def test_a_port_is_never_shared_with_another_server(first: int, second: int) -> None:
    with listening("127.0.0.1", count=first) as opened:
        port = port_of(opened)
        with (
            pytest.raises(WrongSettingError, match=f"SEPTET_PORT: port {port} is taken"),
            listening("127.0.0.1", port, second),
        ):
            pass


def test_a_port_can_be_had_again_at_once() -> None:
    with listening("127.0.0.1", count=2) as opened:
        port = port_of(opened)
        client = socket.create_connection(("127.0.0.1", port), timeout=2)
        for one in opened:
            with contextlib.suppress(BlockingIOError):
                one.accept()[0].close()  # the side that closes first keeps the port for a minute
    client.close()
    with listening("127.0.0.1", port, 2):
        pass


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")
def test_who_has_a_port() -> None:
    with listening("127.0.0.1") as opened:
        port = port_of(opened)
        assert str(holder_of(port)).endswith(f"(process {os.getpid()})")
    assert holder_of(port) is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")
def test_the_name_of_who_has_a_port_may_be_anything(tmp_path: Path) -> None:
    """A process gives itself its name."""
    own = Path("/proc/self/comm")
    before = own.read_bytes()
    own.write_bytes(b"\x1b[2J\xff")
    try:
        with listening("127.0.0.1") as opened:
            settings = Settings(port=port_of(opened))
            found = check_port(settings)
            assert f"(process {os.getpid()})" in found.what
            with pytest.raises(SystemExit), plain_errors():
                open_listeners("127.0.0.1", settings.port, 1)
    finally:
        own.write_bytes(before)


def test_the_next_free_port_is_free() -> None:
    with listening("127.0.0.1") as opened:
        free = free_port("127.0.0.1", port_of(opened))
        assert free is not None
        assert free > port_of(opened)
        with listening("127.0.0.1", free):
            pass


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a..b", "not an address"])
def test_a_host_that_cannot_be_names_its_setting(host: str) -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_HOST"):
        open_listeners(host, 0, 1)


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening("::1", count=2) as opened:
        socket.create_connection(("::1", port_of(opened)), timeout=2).close()
    with listening("::") as opened:
        socket.create_connection(("127.0.0.1", port_of(opened)), timeout=2).close()


def _accepted(listener: socket.socket) -> int:
    """How many connections wait there. They are accepted."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count
