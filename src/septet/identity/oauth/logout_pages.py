"""The end-session endpoint as a person meets it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.limits import per_minute
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.browser_sessions import Browsing
from septet.identity.oauth.logout import Leaving, is_certain, leave, read_logout
from septet.identity.web.forms import see_other
from septet.identity.web.pages import fault, page

_LOGOUT = "/oauth2/logout"
_ASKING = per_minute(120, by="address")


class LogoutPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", _LOGOUT, self.ask, "oauth2.logout"),
            Route("POST", _LOGOUT, self.posted, "oauth2.logout_posted"),
            Route("POST", f"{_LOGOUT}/confirmation", self.confirm, "oauth2.logout_confirmation"),
        )

    async def ask(self, request: Request) -> Reply:
        """Sign out at once where it is certain who leaves; else ask them."""
        try:
            ctx = await self._doorway.context(request)
            self._doorway.spend(ctx, _ASKING, "oauth2.logout")
            query = self._doorway.query(request)
            leaving = await read_logout(ctx, query)
        except Problem as problem:
            return fault(self._doorway, request, problem)
        here = await browser_sessions.present(ctx)
        if is_certain(leaving, here):
            return await self._leave(request, ctx, leaving, here, by_form=False)
        assert here is not None  # else it were certain
        return page(self._doorway, request, "logout", locale=here.holder.locale, here=here, asked=urlencode(query))

    async def posted(self, request: Request) -> Reply:
        """A client may ask by POST (section 2); no cookie comes along with that."""
        try:
            form = await self._doorway.form(request)
        except Problem as problem:
            return fault(self._doorway, request, problem)
        return see_other(f"{_LOGOUT}?{urlencode(form)}")

    async def confirm(self, request: Request) -> Reply:
        """The person says yes."""
        self._doorway.refuse_cross_site(request)
        ctx = await self._doorway.context(request)
        try:
            form = await self._doorway.form(request)
            leaving = await read_logout(ctx, dict(parse_qsl(form.get("asked", ""), keep_blank_values=True)))
        except Problem as problem:
            return fault(self._doorway, request, problem)
        return await self._leave(request, ctx, leaving, await browser_sessions.present(ctx), by_form=True)

    async def _leave(
        self, request: Request, ctx: Context, leaving: Leaving, here: Browsing | None, *, by_form: bool
    ) -> Reply:
        await leave(ctx, leaving, here)
        if leaving.back_to is not None and by_form:  # `form-action` holds for redirects too
            reply = page(self._doorway, request, "onward", to=leaving.back_to)
        else:
            reply = see_other(leaving.back_to or "/identity/sign-out")
        self._doorway.sign_out(reply)
        return reply
