"""Whether this process lives, whether it can serve, and what it counted.

Metrics tell strangers too much, so they are for administrators, and for whoever stands at the machine itself:
a loopback peer that names the machine as its host and came through no proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING

from septet.core.errors import Forbidden, Unauthenticated, Unavailable
from septet.core.message import Reply, Request, Route
from septet.doors.bearer import actor_of
from septet.doors.rest import reply_of

if TYPE_CHECKING:
    from septet.doors.exposition import Exposition
    from septet.doors.http import Application

SCOPE = "server:read"
_REMEMBERED_FOR = 1.0  # seconds that an answer about readiness holds
_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_FORWARDING = (b"x-real-ip", b"x-forwarded-host", b"via")


class Health:
    def __init__(self, application: Application) -> None:
        self._application = application
        self._runtime = application.runtime
        self._exposition: Exposition | None = None
        self._ready = False
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/health/live", self.live, "health_live"),
            Route("GET", "/health/ready", self.ready, "health_ready"),
            Route("GET", "/metrics", self.metrics, "metrics"),
        )

    async def live(self, request: Request) -> Reply:
        """The process answers: do not restart it."""
        return Reply(200, b'{"status":"live"}')

    async def ready(self, request: Request) -> Reply:
        """It can serve: send it requests. The database is asked once a second at most."""
        if self._application.draining:
            return reply_of(Unavailable("This process is stopping."), request)
        if not await self.is_ready():
            return reply_of(Unavailable("The database does not answer, or could not store the last change."), request)
        return Reply(200, b'{"status":"ready"}')

    async def is_ready(self) -> bool:
        async with self._looking:  # of many who ask at once, one looks
            if monotonic() - self._looked_at >= _REMEMBERED_FOR:
                self._ready = await self._runtime.database.ready()
                self._looked_at = monotonic()
            return self._ready

    async def metrics(self, request: Request) -> Reply:
        if not _is_at_the_machine(request):
            actor = await actor_of(request, self._runtime.authentication)
            if not actor.known:
                raise Unauthenticated(f"This needs an access token with the scope {SCOPE}.")
            if SCOPE not in actor.scopes:
                raise Forbidden(f"This needs the scope {SCOPE}.")
        return Reply(200, await self._text(), _PROMETHEUS)

    async def _text(self) -> bytes:
        if self._exposition is None:
            from septet.doors.exposition import Exposition

            self._exposition = Exposition()
        return self._exposition.text(await self._runtime.measures.read())


def _is_at_the_machine(request: Request) -> bool:
    """A page of another site that a browser here shows can reach loopback too, but under another host's name."""
    if request.forwarded_for or request.forwarded_proto or request.forwarded or request.origin:
        return False
    if any(request.header(name) is not None for name in _FORWARDING):
        return False
    return _is_loopback(request.peer) and _is_loopback(_host_of(request))


def _host_of(request: Request) -> str:
    host = (request.host or b"").decode("latin-1")
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
