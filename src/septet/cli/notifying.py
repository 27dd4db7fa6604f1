"""Telling systemd that we answer, by its protocol: a datagram to the socket that it names (`Type=notify`)."""

from __future__ import annotations

import contextlib
import os
import socket


def notify_ready() -> None:
    """Say it if systemd asked to be told. That it cannot be told is no reason not to serve."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name that is in no folder
        address = f"\0{address[1:]}"
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as telling,
    ):
        telling.connect(address)
        telling.sendall(b"READY=1")
