"""Signing in and out in a browser: the same checks as the operations make, with a cookie for what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.browser_sessions import Browsing
from septet.identity.entering import Challenged
from septet.identity.factors.passkey_sign_in import check_passkey
from septet.identity.factors.passkey_types import PasskeyProof
from septet.identity.factors.second_factor import complete
from septet.identity.factors.types import SecondFactorProof
from septet.identity.rows import SessionKind
from septet.identity.settings import IdentitySettings
from septet.identity.sign_in_codes import check_code, send_code
from septet.identity.signing_in import check_password
from septet.identity.types import AddressOnly, Credentials, SignInCode, VerificationId
from septet.identity.web.entrance import Entrance
from septet.identity.web.forms import own_path, read_form, read_json, see_other
from septet.identity.web.pages import page
from septet.identity.web.verification_ids import read_verification_id

_SIGN_IN = "/identity/sign-in"


class SignInPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._entrance = Entrance(doorway)

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", _SIGN_IN, self.show, "identity.sign_in_page"),
            Route("POST", _SIGN_IN, self.sign_in, "identity.sign_in_form"),
            Route("POST", f"{_SIGN_IN}/code", self.type_code, "identity.sign_in_code_form"),
            Route("POST", f"{_SIGN_IN}/second-factor", self.prove_second, "identity.second_factor_form"),
            Route("POST", f"{_SIGN_IN}/passkey", self.use_passkey, "identity.passkey_form"),
            Route("GET", "/identity/sign-out", self.show_sign_out, "identity.sign_out_page"),
            Route("POST", "/identity/sign-out", self.sign_out, "identity.sign_out_form"),
        )

    async def show(self, request: Request) -> Reply:
        """The form; beside it, for who is signed in already, the way on."""
        query = self._doorway.query(request)
        ctx = await self._doorway.context(request)
        here = await browser_sessions.present(ctx)
        return self._form(request, ctx, own_path(query.get("continue")), here, email=query.get("email", ""))

    async def sign_in(self, request: Request) -> Reply:
        """Address and password; or, by the other button, the address alone, which a code is mailed to."""
        form, ctx, onward = await self._posted(request)
        try:
            if form.get("by") == "code":
                self._doorway.spend_as(ctx, "request_sign_in_code")
                sent = await ctx.write_hot(send_code, read_form(form, AddressOnly, "email"))
                return page(self._doorway, request, "sign-in-code", id=sent.id, onward=onward)
            self._doorway.spend_as(ctx, "sign_in")
            body = read_form(form, Credentials, "email", "password")
            entered = await check_password(ctx, body, SessionKind.BROWSER)
        except Problem as problem:
            return self._form(request, ctx, onward, None, problem, email=form.get("email", ""))
        return await self._entrance.let_in(request, ctx, entered, onward)

    async def type_code(self, request: Request) -> Reply:
        """The code from the mail."""
        form, ctx, onward = await self._posted(request)
        id: VerificationId = read_verification_id(form.get("id"))
        try:
            self._doorway.spend_as(ctx, "sign_in_with_code")
            entered = await check_code(ctx, id, read_form(form, SignInCode, "code"), SessionKind.BROWSER)
        except Problem as problem:
            return page(self._doorway, request, "sign-in-code", problem, id=id, onward=onward)
        return await self._entrance.let_in(request, ctx, entered, onward)

    async def use_passkey(self, request: Request) -> Reply:
        """What a passkey signed; the script of the page fills it in."""
        form, ctx, onward = await self._posted(request)
        try:
            self._doorway.spend_as(ctx, "sign_in_with_passkey")
            body = PasskeyProof(challenge=form.get("challenge", ""), credential=read_json(form.get("credential", "")))
            entered = await check_passkey(ctx, body, SessionKind.BROWSER)
        except Problem as problem:
            return self._form(request, ctx, onward, None, problem, email="")
        return await self._entrance.let_in(request, ctx, entered, onward)

    async def prove_second(self, request: Request) -> Reply:
        """The second factor. Where its challenge is used up, the first is to be proven again."""
        form, ctx, onward = await self._posted(request)
        try:
            self._doorway.spend_as(ctx, "answer_second_factor")
            body = read_form(form, SecondFactorProof, "challenge", "code", "recovery_code")
            if form.get("passkey"):
                body = msgspec.structs.replace(body, passkey=read_json(form["passkey"]))
            opened = await complete(ctx, body, SessionKind.BROWSER)
        except Problem as problem:
            methods = tuple(form.get("methods", "").split())
            return self._entrance.ask_second(request, Challenged(form.get("challenge", ""), methods), onward, problem)
        return await self._entrance.let_in(request, ctx, opened, onward)

    async def show_sign_out(self, request: Request) -> Reply:
        here = await browser_sessions.present(await self._doorway.context(request))
        return page(self._doorway, request, "sign-out", here=here)

    async def sign_out(self, request: Request) -> Reply:
        """End the session of this browser's cookie."""
        self._doorway.refuse_cross_site(request)
        ctx = await self._doorway.context(request)
        if ctx.actor.session is not None:
            await ctx.write_hot(browser_sessions.end, ctx.actor.session)
        reply = see_other("/identity/sign-out")
        self._doorway.sign_out(reply)
        return reply

    async def _posted(self, request: Request) -> tuple[Mapping[str, str], Context, str]:
        """The form of a page of ours, nobody's context, and where to go on. Raises CrossSite: login CSRF counts too."""
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        return form, self._doorway.nobodys(request), own_path(form.get("continue"))

    def _form(
        self,
        request: Request,
        ctx: Context,
        onward: str,
        here: Browsing | None,
        problem: Problem | None = None,
        *,
        email: str,
    ) -> Reply:
        settings = ctx.settings(IdentitySettings)
        return page(
            self._doorway,
            request,
            "sign-in",
            problem,
            onward=onward,
            here=here,
            email=email,
            codes=settings.sign_in_codes,
            provider=settings.provider_name or urlsplit(settings.provider_issuer).hostname,
        )
