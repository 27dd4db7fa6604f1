"""Proving anew who one is, in a browser, before what is hard to take back (RFC 9470)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.limits import per_minute
from septet.core.message import Reply, Request, Route
from septet.identity import browser_sessions
from septet.identity.browser_sessions import Browsing
from septet.identity.factors import queries as factor_queries
from septet.identity.factors.passkey_types import PasskeyProof
from septet.identity.factors.rows import Factors
from septet.identity.factors.step_up import prove
from septet.identity.factors.types import ProofAnew
from septet.identity.rows import SessionKind
from septet.identity.settings import IdentitySettings
from septet.identity.sign_in_codes import send_code
from septet.identity.types import AddressOnly
from septet.identity.web.forms import own_path, read_form, read_json, see_other
from septet.identity.web.pages import page

PAGE = "/identity/account/proof"
_MAILS = per_minute(5)
_FIELDS = ("password", "code", "recovery_code", "email_code", "email_code_id")


class ProofPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", PAGE, self.show, "identity.proof_page"),
            Route("POST", PAGE, self.prove, "identity.proof_form"),
        )

    async def show(self, request: Request) -> Reply:
        ctx = await self._doorway.context(request)
        onward = own_path(self._doorway.query(request).get("continue"))
        here = await browser_sessions.present(ctx)
        if here is None:
            return see_other(f"/identity/sign-in?{urlencode({'continue': onward})}")
        return await self._form(request, ctx, here, onward)

    async def prove(self, request: Request) -> Reply:
        """What was typed or signed; or, by the other button, a code is mailed first."""
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        ctx, onward = await self._doorway.context(request), own_path(form.get("continue"))
        here = await browser_sessions.present(ctx)
        if here is None:
            return see_other(f"/identity/sign-in?{urlencode({'continue': onward})}")
        mailed = form.get("email_code_id", "")
        try:
            if form.get("by") == "mail":
                self._doorway.spend(ctx, _MAILS, "request_sign_in_code")
                sent = await ctx.write_hot(send_code, AddressOnly(email=here.holder.email))
                return await self._form(request, ctx, here, onward, mailed=str(sent.id))
            self._doorway.spend_as(ctx, "prove_anew")
            opened = await prove(ctx, _read(form), SessionKind.BROWSER)
        except Problem as problem:
            return await self._form(request, ctx, here, onward, problem, mailed=mailed)
        reply = see_other(onward)
        value = browser_sessions.value_for(ctx, opened)
        self._doorway.keep_signed_in(reply, value, browser_sessions.cookie_seconds(ctx))
        return reply

    async def _form(
        self,
        request: Request,
        ctx: Context,
        here: Browsing,
        onward: str,
        problem: Problem | None = None,
        *,
        mailed: str = "",
    ) -> Reply:
        """Only what this account can answer with."""
        factors = await ctx.read(_factors, here)
        values: dict[str, Any] = {
            "onward": onward,
            "email": here.holder.email,
            "password": here.holder.password_hash is not None,
            "totp": factors.totp,
            "passkey": factors.passkey,
            "codes": ctx.settings(IdentitySettings).sign_in_codes,
            "mailed": mailed,
        }
        return page(self._doorway, request, "proof", problem, **values)


def _read(form: Mapping[str, str]) -> ProofAnew:
    if form.get("credential"):
        signed = PasskeyProof(challenge=form.get("challenge", ""), credential=read_json(form["credential"]))
        return ProofAnew(passkey=signed)
    return read_form(form, ProofAnew, *_FIELDS)


async def _factors(ctx: Context, here: Browsing) -> Factors:
    return await ctx.tx.one(factor_queries.factors_of, account_id=here.holder.id)
