"""The authorization endpoint as a person meets it: signed in or not, asked whether they agree, sent back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.limits import per_minute
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.browser_sessions import Browsing
from septet.identity.oauth.authorization import (
    AskConsent,
    Asked,
    GoBack,
    RefusedError,
    SignInFirst,
    Step,
    agree,
    decide,
    read_request,
    refused_by_person,
)
from septet.identity.oauth.scopes import described
from septet.identity.web.forms import AUTHORIZE, see_other
from septet.identity.web.pages import fault, page

_ASKING = per_minute(120, by="address")


class AuthorizePages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", AUTHORIZE, self.authorize, "oauth2.authorize"),
            Route("POST", AUTHORIZE, self.posted, "oauth2.authorize_posted"),
            Route("POST", f"{AUTHORIZE}/consent", self.consent, "oauth2.consent"),
        )

    async def authorize(self, request: Request) -> Reply:
        ctx = self._doorway.nobodys(request)
        try:
            ctx = await self._doorway.context(request)
            self._doorway.spend(ctx, _ASKING, "oauth2.authorize")
            asked = await read_request(ctx, self._doorway.query(request))
            here = await browser_sessions.present(ctx)
            step = await decide(ctx, asked, here)
        except RefusedError as refused:
            return see_other(refused.to)
        except Problem as problem:
            return fault(self._doorway, request, problem)
        return self._take(request, ctx, asked, here, step)

    async def posted(self, request: Request) -> Reply:
        """A client may ask by POST (OpenID Connect Core section 3.1.2.1); no cookie comes along with that."""
        try:
            form = await self._doorway.form(request)
        except Problem as problem:
            return fault(self._doorway, request, problem)
        return see_other(f"{AUTHORIZE}?{urlencode(form)}")

    async def consent(self, request: Request) -> Reply:
        """The person's answer: the request is read anew, so that they agree to nothing but what was shown."""
        self._doorway.refuse_cross_site(request)
        ctx = await self._doorway.context(request)
        try:
            form = await self._doorway.form(request)
            asked = await read_request(ctx, dict(parse_qsl(form.get("asked", ""), keep_blank_values=True)))
        except RefusedError as refused:
            return self._leave(request, None, refused.to)
        except Problem as problem:
            return fault(self._doorway, request, problem)
        here = await browser_sessions.present(ctx)
        if here is None or form.get("account") != str(here.holder.id):  # signed out, or in as another, meanwhile
            return see_other(f"{AUTHORIZE}?{urlencode(asked.query)}")
        if form.get("answer") != "yes":
            return self._leave(request, here, refused_by_person(ctx, asked).to)
        return self._leave(request, here, (await agree(ctx, asked, here)).to)

    def _take(self, request: Request, ctx: Context, asked: Asked, here: Browsing | None, step: Step) -> Reply:
        if isinstance(step, GoBack):
            return see_other(step.to)
        if isinstance(step, SignInFirst):
            query = {"continue": step.path} | ({"email": asked.login_hint} if asked.login_hint else {})
            return see_other(f"/identity/sign-in?{urlencode(query)}")
        assert here is not None  # else they would have to sign in
        return self._ask(request, ctx, asked, here, step)

    def _ask(self, request: Request, ctx: Context, asked: Asked, here: Browsing, step: AskConsent) -> Reply:
        return self._page(
            request,
            "consent",
            here,
            client=asked.client,
            scopes=described(ctx.runtime.registry, step.scopes),
            asked=urlencode(asked.query),
            back_to=asked.redirect_uri.partition("?")[0],
        )

    def _leave(self, request: Request, here: Browsing | None, to: str) -> Reply:
        """To the client, after a form: by a page of its own, as `form-action` holds for redirects too."""
        return self._page(request, "onward", here, to=to)

    def _page(self, request: Request, template: str, here: Browsing | None, **values: Any) -> Reply:
        locale = here.holder.locale if here else None
        return page(self._doorway, request, template, locale=locale, here=here, **values)
