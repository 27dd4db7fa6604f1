"""Registering in a browser: a form, the code from the mail, or the link in it."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.registrations import begin_registration, finish_registration
from septet.identity.rows import SessionKind
from septet.identity.sessions import Opened
from septet.identity.types import NewAccount, VerificationProof
from septet.identity.web.entrance import Entrance
from septet.identity.web.forms import own_path, read_form
from septet.identity.web.language import language_of
from septet.identity.web.links import LinkPage, read_secret
from septet.identity.web.pages import page
from septet.identity.web.verification_ids import read_verification_id

_REGISTER = "/identity/register"


class RegisteringPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._entrance = Entrance(doorway)
        self._link = LinkPage(doorway, "verify", self._use_link)

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", _REGISTER, self.show, "identity.register_page"),
            Route("POST", _REGISTER, self.register, "identity.register_form"),
            Route("POST", f"{_REGISTER}/code", self.type_code, "identity.register_code_form"),
            *self._link.routes(),
        )

    async def show(self, request: Request) -> Reply:
        query = self._doorway.query(request)
        onward = own_path(query.get("continue"))
        return page(self._doorway, request, "register", onward=onward, email=query.get("email", ""), name="")

    async def register(self, request: Request) -> Reply:
        """What comes next looks the same whether or not the address has an account."""
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        ctx, onward = self._doorway.nobodys(request), own_path(form.get("continue"))
        email = form.get("email", "")
        try:
            self._doorway.spend_as(ctx, "register")
            fields = {**form, "locale": language_of(request)}
            body = read_form(fields, NewAccount, "email", "password", "name", "locale")
            begun = await begin_registration(ctx, body, SessionKind.BROWSER)
        except Problem as problem:
            name = form.get("name", "")
            return page(self._doorway, request, "register", problem, onward=onward, email=email, name=name)
        if isinstance(begun, Opened):
            return await self._entrance.let_in(request, ctx, begun, onward)
        return page(self._doorway, request, "register-code", id=begun, onward=onward, email=email)

    async def type_code(self, request: Request) -> Reply:
        """The code from the mail: the account is made, and signed in here."""
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        ctx, onward = self._doorway.nobodys(request), own_path(form.get("continue"))
        id = read_verification_id(form.get("id"))
        try:
            self._doorway.spend_as(ctx, "verify_registration")
            code = read_form({**form, "verification_id": str(id)}, VerificationProof, "verification_id", "code")
            opened = await finish_registration(ctx, code, SessionKind.BROWSER)
        except Problem as problem:
            email = form.get("email", "")
            return page(self._doorway, request, "register-code", problem, id=id, onward=onward, email=email)
        return await self._entrance.let_in(request, ctx, opened, onward)

    async def _use_link(self, request: Request, form: dict[str, str]) -> str:
        """Nobody is signed in by it: a link may be a stranger's, to an account of theirs."""
        ctx = self._doorway.nobodys(request)
        self._doorway.spend_as(ctx, "verify_registration")
        id, token = read_secret(form.get("secret", ""))
        fields = {**form, "verification_id": str(id), "token": token}
        body = read_form(fields, VerificationProof, "verification_id", "token", "password")
        opened = await finish_registration(ctx, body, SessionKind.BROWSER)
        await ctx.write_hot(browser_sessions.end, opened.session.id)
        return "Your address is confirmed. You can sign in now."
