"""What this door lends to systems that speak a protocol of their own: `core/doorway.py` says what each is for."""

from __future__ import annotations

from typing import Any

from septet.core.body_deadline import BodyDeadline
from septet.core.context import ANONYMOUS, Context
from septet.core.doorway import Doorway
from septet.core.errors import Malformed, Problem
from septet.core.http_problems import UnsupportedMediaType
from septet.core.limits import Limit
from septet.core.message import HTML, Reply, Request
from septet.core.pipeline import Pipeline
from septet.core.runtime import Runtime
from septet.doors.bearer import Callers
from septet.doors.rest import reply_of
from septet.doors.routing import text_of
from septet.doors.site import Site

_FORM = b"application/x-www-form-urlencoded"
_MOST_FIELDS = 100


class SystemDoorway(Doorway):
    """Lent to one system, whose templates its pages come from."""

    def __init__(
        self,
        runtime: Runtime,
        pipeline: Pipeline,
        deadline: BodyDeadline,
        site: Site,
        callers: Callers,
        system: str,
    ) -> None:
        self.runtime = runtime
        self.pipeline = pipeline
        self._deadline = deadline
        self._site = site
        self._callers = callers
        self._system = system

    async def context(self, request: Request) -> Context:
        actor = await self._callers.actor_of(request)
        return Context(self.runtime, actor, request.client, request.request_id)

    def nobodys(self, request: Request) -> Context:
        return Context(self.runtime, ANONYMOUS, request.client, request.request_id)

    def spend(self, ctx: Context, limit: Limit, what: str) -> None:
        if self.runtime.floor.limits:
            self.pipeline.spend(ctx, what, (limit,))

    def spend_as(self, ctx: Context, operation: str) -> None:
        if self.runtime.floor.limits:
            self.pipeline.spend(ctx, operation, self.runtime.registry.operations[operation].declared.limits)

    async def form(self, request: Request, most_bytes: int = 65_536) -> dict[str, str]:
        kind = (request.content_type or b"").partition(b";")[0].strip().lower()
        if kind != _FORM:
            raise UnsupportedMediaType(f"Send {_FORM.decode()}.")
        return _fields_of(await request.body(most_bytes, self._deadline))

    def query(self, request: Request) -> dict[str, str]:
        return _fields_of(request.query)

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Reply:
        html = self._site.render(f"{self._system}/{template}.html", **values)
        return Reply(status, html.encode(), HTML, compressible=False)

    def refuse_cross_site(self, request: Request) -> None:
        self._callers.cookies.refuse_cross_site(request)

    def keep_signed_in(self, reply: Reply, value: str, seconds: int) -> None:
        reply.headers.append(self._callers.cookies.kept(value, seconds))

    def sign_out(self, reply: Reply) -> None:
        reply.headers.append(self._callers.cookies.dropped())

    def set_aside(self, reply: Reply, name: str, value: str, seconds: int) -> None:
        reply.headers.append(self._callers.cookies.kept(value, seconds, f"-{name}"))

    def aside(self, request: Request, name: str) -> str | None:
        return self._callers.cookies.presented(request, f"-{name}")

    def refusal(self, request: Request, problem: Problem) -> Reply:
        return reply_of(problem, request)


def _fields_of(encoded: bytes) -> dict[str, str]:
    """The fields of a form or a query, each once. Raises Malformed."""
    pairs = [pair for pair in encoded.split(b"&") if pair]
    if len(pairs) > _MOST_FIELDS:
        raise Malformed(f"At most {_MOST_FIELDS} fields.")
    found: dict[str, str] = {}
    for pair in pairs:
        raw_name, _, raw_text = pair.partition(b"=")
        name, text = text_of(raw_name.replace(b"+", b" ")), text_of(raw_text.replace(b"+", b" "))
        if name in found:
            raise Malformed("A field is given more than once.")
        found[name] = text
    return found
