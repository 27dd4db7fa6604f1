"""What a proof comes to on the pages: the cookie of a new session and the way on, or the question for more."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.message import Reply, Request
from septet.identity import browser_sessions
from septet.identity.entering import Challenged, Entered
from septet.identity.sessions import Opened
from septet.identity.web.forms import AUTHORIZE, see_other
from septet.identity.web.pages import page


class Entrance:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    async def let_in(self, request: Request, ctx: Context, entered: Entered, onward: str) -> Reply:
        if isinstance(entered, Challenged):
            return self.ask_second(request, entered, onward)
        return await self._signed_in(request, ctx, entered, onward)

    def ask_second(self, request: Request, asked: Challenged, onward: str, problem: Problem | None = None) -> Reply:
        """Where an answer was wrong, a passkey is not asked for again: what it signs works once."""
        return page(
            self._doorway,
            request,
            "second-factor",
            problem,
            challenge=asked.challenge,
            methods=asked.methods,
            passkey=asked.passkey,
            onward=onward,
        )

    async def _signed_in(self, request: Request, ctx: Context, opened: Opened, onward: str) -> Reply:
        """The cookie of the new session. The one that this browser had before ends: none is carried on."""
        former = await browser_sessions.present(await self._doorway.context(request))
        if former is not None:
            await ctx.write_hot(browser_sessions.end, former.session.id)
        reply = self._go_on(request, onward, opened.holder.locale)
        value = browser_sessions.cookie_of(ctx.runtime.keys, opened.session)
        self._doorway.keep_signed_in(reply, value, browser_sessions.cookie_seconds(ctx))
        return reply

    def _go_on(self, request: Request, onward: str, locale: str) -> Reply:
        """By a page of its own where the way may lead on to another site.

        `form-action` of the content security policy holds for all redirects that come of a form, and must not let
        forms of ours be sent elsewhere.
        """
        if onward.startswith(AUTHORIZE):
            return page(self._doorway, request, "onward", locale=locale, to=onward)
        return see_other(onward)
