"""The page on which a person types what a device shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.limits import per_minute
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.browser_sessions import Browsing
from septet.identity.oauth.device import PAGE, answer, find_waiting
from septet.identity.oauth.rows import DeviceRow
from septet.identity.oauth.scopes import described, granted_now
from septet.identity.web.forms import own_address, see_other
from septet.identity.web.pages import page

_ASKING = per_minute(60, by="address")


class DevicePages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", PAGE, self.show, "oauth2.device_page"),
            Route("POST", PAGE, self.find, "oauth2.device_form"),
            Route("POST", f"{PAGE}/answer", self.answer, "oauth2.device_answer"),
        )

    async def show(self, request: Request) -> Reply:
        """The form, for who is signed in. A code in the address is filled in, and still waits for the button."""
        ctx = await self._doorway.context(request)
        here = await browser_sessions.present(ctx)
        if here is None:
            return see_other(f"/identity/sign-in?{urlencode({'continue': own_address(request)})}")
        return self._form(request, here, self._doorway.query(request).get("user_code", ""))

    async def find(self, request: Request) -> Reply:
        """What the device that shows this code asks for."""
        self._doorway.refuse_cross_site(request)
        ctx = await self._doorway.context(request)
        here = await browser_sessions.present(ctx)
        if here is None:
            return see_other(PAGE)
        typed = (await self._doorway.form(request)).get("user_code", "")
        try:
            self._doorway.spend(ctx, _ASKING, "oauth2.device")
            device = await find_waiting(ctx, here, typed)
        except Problem as problem:
            return self._form(request, here, typed, problem)
        return self._ask(request, ctx, here, device, typed)

    async def answer(self, request: Request) -> Reply:
        """Yes or no, by whom the question was put to."""
        self._doorway.refuse_cross_site(request)
        ctx = await self._doorway.context(request)
        here = await browser_sessions.present(ctx)
        form = await self._doorway.form(request)
        typed, yes = form.get("user_code", ""), form.get("answer") == "yes"
        if here is None or form.get("account") != str(here.holder.id):  # signed out, or in as another, meanwhile
            return see_other(PAGE)
        try:
            self._doorway.spend(ctx, _ASKING, "oauth2.device")
            await answer(ctx, here, await find_waiting(ctx, here, typed), yes=yes)
        except Problem as problem:
            return self._form(request, here, typed, problem)
        return self._page(request, "device-done", here, yes=yes)

    def _form(self, request: Request, here: Browsing, typed: str, problem: Problem | None = None) -> Reply:
        return self._page(request, "device", here, problem, typed=typed[:20])

    def _ask(self, request: Request, ctx: Context, here: Browsing, device: DeviceRow, typed: str) -> Reply:
        registry = ctx.runtime.registry
        scopes = described(registry, granted_now(registry, device.scope.split(), here.holder))
        return self._page(request, "device-consent", here, device=device, scopes=scopes, typed=typed)

    def _page(
        self, request: Request, template: str, here: Browsing, problem: Problem | None = None, **values: Any
    ) -> Reply:
        return page(self._doorway, request, template, problem, locale=here.holder.locale, here=here, **values)
