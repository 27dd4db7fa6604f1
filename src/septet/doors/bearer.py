"""Who asks, by the `Authorization` header (RFC 6750)."""

from __future__ import annotations

import re

from septet.core.authentication import Authentication
from septet.core.context import ANONYMOUS, Actor
from septet.core.errors import Unauthenticated
from septet.core.message import Request

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z", re.ASCII)


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
