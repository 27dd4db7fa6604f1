"""A forgotten password in a browser: a mail, and another password by its code or its link."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.message import Reply, Request, Route
from septet.identity.password_resets import request_password_reset, reset_password
from septet.identity.types import AddressOnly, PasswordResetProof, VerificationId
from septet.identity.web.forms import read_form
from septet.identity.web.links import LinkPage, read_secret
from septet.identity.web.pages import page
from septet.identity.web.verification_ids import read_verification_id

_FORGOTTEN = "/identity/forgotten"
_DONE = "Your password is set. You can sign in with it now."


class ResettingPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._link = LinkPage(doorway, "reset", self._use_link)

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", _FORGOTTEN, self.show, "identity.forgotten_page"),
            Route("POST", _FORGOTTEN, self.mail, "identity.forgotten_form"),
            Route("POST", f"{_FORGOTTEN}/code", self.type_code, "identity.forgotten_code_form"),
            *self._link.routes(),
        )

    async def show(self, request: Request) -> Reply:
        return page(self._doorway, request, "forgotten", email=self._doorway.query(request).get("email", ""))

    async def mail(self, request: Request) -> Reply:
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        ctx = self._doorway.nobodys(request)
        try:
            self._doorway.spend_as(ctx, "request_password_reset")
            sent = await ctx.write_hot(request_password_reset, read_form(form, AddressOnly, "email"))
        except Problem as problem:
            return page(self._doorway, request, "forgotten", problem, email=form.get("email", ""))
        return page(self._doorway, request, "forgotten-code", id=sent.id)

    async def type_code(self, request: Request) -> Reply:
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        id = read_verification_id(form.get("id"))
        try:
            await self._reset(self._doorway.nobodys(request), id, form)
        except Problem as problem:
            return page(self._doorway, request, "forgotten-code", problem, id=id)
        return page(self._doorway, request, "ready", told=_DONE)

    async def _use_link(self, request: Request, form: dict[str, str]) -> str:
        id, token = read_secret(form.get("secret", ""))
        await self._reset(self._doorway.nobodys(request), id, {"password": form.get("password", ""), "token": token})
        return _DONE

    async def _reset(self, ctx: Context, id: VerificationId, form: dict[str, str]) -> None:
        self._doorway.spend_as(ctx, "reset_password")
        await reset_password(ctx, id, read_form(form, PasswordResetProof, "password", "code", "token"))
