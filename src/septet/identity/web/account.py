"""One's own account in a browser: what it is, who is signed in, and by what. Every form is one of the operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from septet.core.doorway import Doorway
from septet.core.errors import Problem, ProofRequired, Unauthenticated
from septet.core.message import Reply, Request, Route
from septet.identity.web.account_forms import FORMS, TOLD
from septet.identity.web.forms import see_other
from septet.identity.web.pages import page
from septet.identity.web.proof import PAGE as PROOF
from septet.identity.web.qr_codes import qr_code

PAGE = "/identity/account"
_LISTS = {
    "account": ("read_me", {}),
    "sessions": ("list_sessions", {"limit": 100}),
    "passkeys": ("list_passkeys", {}),
    "totp": ("read_totp", {}),
    "keys": ("list_api_keys", {}),
    "consents": ("list_consents", {}),
    "links": ("list_provider_accounts", {}),
    "organisations": ("list_organisations", {"limit": 100}),
    "invitations": ("list_own_invitations", {}),
    "audit": ("list_own_audit", {"limit": 10}),
}


class AccountPages:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", PAGE, self.show, "identity.account_page"),
            Route("POST", PAGE, self.do, "identity.account_form"),
            Route("GET", f"{PAGE}/export", self.export, "identity.export_page"),
        )

    async def show(self, request: Request) -> Reply:
        """Everything at once; after a form, what it did."""
        done = self._doorway.query(request).get("done", "")
        return await self._show(request, told=TOLD.get(done, ""))

    async def do(self, request: Request) -> Reply:
        """What the form says. A proof that is asked for is given on a page of its own, then the form once more."""
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        chosen = FORMS.get(form.get("do", ""))
        if chosen is None:
            return see_other(PAGE)
        try:
            given = await self._call(request, chosen.operation, **chosen.read(form))
        except Problem as problem:
            if isinstance(problem, ProofRequired | Unauthenticated):
                return self._asks_for_proof(problem)
            if chosen.retry is not None:
                return self._page(request, chosen.retry, problem, form=form)
            return await self._show(request, problem)
        if chosen.shows is not None:
            return self._page(request, chosen.shows, given=given, form=form)
        if chosen.leaves:
            reply = self._page(request, "ready", told=TOLD[form["do"]])
            self._doorway.sign_out(reply)
            return reply
        return see_other(f"{PAGE}?{urlencode({'done': form['do']})}")

    async def export(self, request: Request) -> Reply:
        """All that is held of the account, as a file."""
        try:
            given = await self._call(request, "export_me")
        except (ProofRequired, Unauthenticated) as problem:
            return self._asks_for_proof(problem, f"{PAGE}/export")
        headers = [
            (b"content-type", b"application/json"),
            (b"content-disposition", b'attachment; filename="my-account.json"'),
            (b"cache-control", b"no-store"),
        ]
        return Reply(200, headers=headers, body=msgspec.json.format(msgspec.json.encode(given), indent=2))

    async def _show(self, request: Request, problem: Problem | None = None, told: str = "") -> Reply:
        try:
            values = {name: await self._call(request, op, **given) for name, (op, given) in _LISTS.items()}
        except Unauthenticated as gone:
            return self._asks_for_proof(gone)
        return self._page(request, "account", problem, told=told, **values)

    async def _call(self, request: Request, name: str, **values: Any) -> Any:
        """As every door calls an operation: with its scope, limits, and the proof that it asks for."""
        operation = self._doorway.runtime.registry.operations[name]
        ctx = await self._doorway.context(request)
        return await self._doorway.pipeline.call(ctx, operation, lambda: operation.arguments_type(**values), None)

    def _asks_for_proof(self, problem: Problem, onward: str = PAGE) -> Reply:
        """Whoever is not signed in does that first."""
        way = PROOF if isinstance(problem, ProofRequired) else "/identity/sign-in"
        return see_other(f"{way}?{urlencode({'continue': onward})}")

    def _page(self, request: Request, template: str, problem: Problem | None = None, **values: Any) -> Reply:
        account = values.get("account")
        known = {"form": {}, "given": None, "qr": qr_code, **values}
        return page(self._doorway, request, template, problem, locale=account.locale if account else None, **known)
