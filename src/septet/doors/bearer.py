"""Who asks: by the `Authorization` header (RFC 6750), or in a browser by its cookie."""

from __future__ import annotations

import re

from septet.core.authentication import COOKIE, Authentication
from septet.core.context import ANONYMOUS, Actor
from septet.core.errors import Unauthenticated
from septet.core.message import Request
from septet.doors.cookies import Cookies

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z", re.ASCII)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Callers:
    """Tells who sent a request, by token or by cookie."""

    def __init__(self, authentication: Authentication, cookies: Cookies) -> None:
        self._authentication = authentication
        self.cookies = cookies

    async def actor_of(self, request: Request) -> Actor:
        """As below. With neither header nor cookie, or a cookie that holds no more: nobody.

        Raises CrossSite if a cookie came along with a change that no page of ours asked for.
        """
        if request.authorization is not None or request.cookie is None:
            return await actor_of(request, self._authentication)
        value = self.cookies.presented(request)
        if value is None:
            return ANONYMOUS
        try:
            actor = await self._authentication.who(COOKIE + value)
        except Unauthenticated:
            return ANONYMOUS
        if request.method not in _SAFE:
            self.cookies.refuse_cross_site(request)
        request.actor_id = actor.account
        return actor


async def actor_of(request: Request, authentication: Authentication) -> Actor:
    """Raises Unauthenticated for a header that is not `Bearer` with a token that holds. Without one: nobody."""
    header = request.authorization
    if header is None:
        return ANONYMOUS
    scheme, _, raw = header.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthenticated("Authorization is: Bearer, a space, and an access token.")
    token = raw.strip().decode("latin-1")
    actor = authentication.remembered(token)
    if actor is None:
        if not _TOKEN.match(token):
            raise Unauthenticated("This is no access token.")
        actor = await authentication.who(token)
    request.actor_id = actor.account
    return actor
