"""What the HTTP door lends to a system that speaks a protocol of its own, such as OAuth: see `System.routes`.

The rules of such a protocol live in functions that know no HTTP; what a system has here is only its ways in and out.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

from septet.core.context import Context
from septet.core.errors import Problem
from septet.core.limits import Limit
from septet.core.message import Reply, Request
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime


class Doorway(Protocol):
    """Lent to `System.routes` once, at start."""

    runtime: Runtime
    pipeline: Pipeline

    async def context(self, request: Request) -> Context:
        """Who asks, by a bearer token or, from this server's own pages, by cookie. Raises Unauthenticated."""
        ...

    def nobodys(self, request: Request) -> Context:
        """A context that leaves open who asks: for a protocol that finds that out in its own way."""
        ...

    def spend(self, ctx: Context, limit: Limit, what: str) -> None:
        """Count one call of `what` as operations are: against the default limit, then `limit`. Raises TooMany."""
        ...

    def spend_as(self, ctx: Context, operation: str) -> None:
        """Count a call of the operation of this name, against its own limits: for a page that does its work."""
        ...

    async def form(self, request: Request, most_bytes: int = 65_536) -> dict[str, str]:
        """The body, `application/x-www-form-urlencoded`, each field once.

        Raises UnsupportedMediaType, Malformed for a field that is repeated or no UTF-8, BodyTooLarge, BodyTimeout.
        """
        ...

    def query(self, request: Request) -> dict[str, str]:
        """The query of the address, each field once. Raises Malformed as `form` does."""
        ...

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Reply:
        """A page of the system that is nobody else's, filled in with `values`: never kept."""
        ...

    def refuse_cross_site(self, request: Request) -> None:
        """Raise CrossSite unless one of this server's own pages sent it: for forms of who is not signed in yet."""
        ...

    def keep_signed_in(self, reply: Reply, value: str, seconds: int) -> None:
        """Have the browser keep `value` in its cookie, which `System.authenticate` is given with `COOKIE` before it."""
        ...

    def sign_out(self, reply: Reply) -> None:
        """Have the browser forget its cookie."""
        ...

    def set_aside(self, reply: Reply, name: str, value: str, seconds: int) -> None:
        """Have the browser keep `value` under `name` for so long: for what it is in the midst of. Zero forgets it."""
        ...

    def aside(self, request: Request, name: str) -> str | None:
        """What it kept so. Whoever sits at the browser can read and change it: seal what they must not."""
        ...

    def refusal(self, request: Request, problem: Problem) -> Reply:
        """The reply that tells of a problem, as every operation would."""
        ...


def protected_resource(base_url: str, door: str) -> str:
    """Where a door tells who gives the tokens that it takes: the well-known part stands before its path (RFC 9728)."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path.rstrip('/')}{door}"
