"""The page that the line printed at first start leads to."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.doorway import Doorway
from septet.core.message import Request, Route
from septet.identity import browser_sessions
from septet.identity.administrators import make_first
from septet.identity.rows import SessionKind
from septet.identity.types import FirstAdministrator
from septet.identity.web.forms import read_form
from septet.identity.web.links import LinkPage


class FirstAdministratorPage:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._link = LinkPage(doorway, "first-administrator", self._use_link)

    def routes(self) -> Sequence[Route]:
        return self._link.routes()

    async def _use_link(self, request: Request, form: dict[str, str]) -> str:
        ctx = self._doorway.nobodys(request)
        self._doorway.spend_as(ctx, "make_first_administrator")
        fields = {**form, "token": form.get("secret", "")}
        opened = await make_first(
            ctx, read_form(fields, FirstAdministrator, "token", "email", "password"), SessionKind.BROWSER
        )
        await ctx.write_hot(browser_sessions.end, opened.session.id)
        return "You are the administrator. You can sign in now."
