"""Pages that links lead to, in mails and on the console. Opening one uses nothing up: mail scanners do that, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from septet.core.doorway import Doorway
from septet.core.errors import Invalid, Problem
from septet.core.message import Reply, Request, Route
from septet.identity.types import VerificationId
from septet.identity.web.pages import page
from septet.identity.web.verification_ids import read_verification_id

Use = Callable[[Request, dict[str, str]], Awaitable[str]]


class LinkPage:
    """One form at `/identity/<name>`. What is secret stands behind the `#` of its address; a script fills it in.

    use: does what the form is for, and tells what was done. What it raises is told on the form.
    """

    def __init__(self, doorway: Doorway, name: str, use: Use) -> None:
        self._doorway = doorway
        self._name = name
        self._use = use

    def routes(self) -> Sequence[Route]:
        path, name = f"/identity/{self._name}", self._name.replace("-", "_")
        return (
            Route("GET", path, self.show, f"identity.{name}_page"),
            Route("POST", path, self.use, f"identity.{name}_link_form"),
        )

    async def show(self, request: Request) -> Reply:
        return page(self._doorway, request, self._name, secret="", email="")

    async def use(self, request: Request) -> Reply:
        self._doorway.refuse_cross_site(request)
        form = await self._doorway.form(request)
        try:
            told = await self._use(request, form)
        except Problem as problem:
            kept = {name: form.get(name, "") for name in ("secret", "email")}
            return page(self._doorway, request, self._name, problem, **kept)
        return page(self._doorway, request, "ready", told=told)


def read_secret(text: str) -> tuple[VerificationId, str]:
    """The id of a verification, and its token. Raises NotFound, Invalid."""
    id, _, token = text.partition(".")
    if not token:
        raise Invalid("This page is opened by a link. Copy the whole of it.")
    return read_verification_id(id), token
