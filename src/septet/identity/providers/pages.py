"""The way to a provider and back, in a browser."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.doorway import Doorway
from septet.core.errors import NotFound, Problem
from septet.core.limits import per_minute
from septet.core.message import Reply, Request, Route
from septet.identity.providers import flow
from septet.identity.providers.discovery import issuer_of
from septet.identity.providers.linking import enter_by
from septet.identity.web.entrance import Entrance
from septet.identity.web.forms import own_path, see_other
from septet.identity.web.pages import page

_TRIES = per_minute(30, by="address")
_ASIDE = "provider"
_LONGEST_ONWARD = 2000  # a cookie has 4096 bytes


class ProviderPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._entrance = Entrance(doorway)

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/identity/sign-in/provider", self.leave, "identity.provider"),
            Route("GET", flow.CALLBACK, self.come_back, "identity.provider_callback"),
        )

    async def leave(self, request: Request) -> Reply:
        """To the provider. A link may lead here from anywhere: who follows it signs in as themselves."""
        ctx = self._doorway.nobodys(request)
        try:
            if not issuer_of(ctx):
                raise NotFound("Nobody signs in with others here.")
            self._doorway.spend(ctx, _TRIES, "provider")
            onward = own_path(self._doorway.query(request).get("continue"))
            to, kept = await flow.begin(ctx, onward if len(onward) <= _LONGEST_ONWARD else "/")
        except Problem as problem:
            return page(self._doorway, request, "fault", problem)
        reply = see_other(to)
        self._doorway.set_aside(reply, _ASIDE, kept, flow.HOLDS_SECONDS)
        return reply

    async def come_back(self, request: Request) -> Reply:
        """With the provider's answer, which counts once."""
        ctx = self._doorway.nobodys(request)
        try:
            self._doorway.spend(ctx, _TRIES, "provider_callback")
            query, kept = self._doorway.query(request), self._doorway.aside(request, _ASIDE)
            told, onward = await flow.finish(ctx, query, kept)
            reply = await self._entrance.let_in(request, ctx, await ctx.write(enter_by, told), onward)
        except Problem as problem:
            reply = page(self._doorway, request, "fault", problem)
        self._doorway.set_aside(reply, _ASIDE, "", 0)
        return reply
