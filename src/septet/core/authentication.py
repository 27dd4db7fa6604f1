"""Who is asking: bearer tokens turned into actors, once a token, until it expires or its session ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

from septet.core.context import ANONYMOUS, Actor
from septet.core.errors import Unauthenticated
from septet.core.types import SessionId

_MOST_REMEMBERED = 50_000
COOKIE = " "  # stands before what came in a cookie: no token of a header begins so


class Verified(Struct, frozen=True):
    """An actor whose token was verified, until `expires`, in seconds since 1970."""

    actor: Actor
    expires: float


Verify = Callable[[str], Awaitable[Verified]]


class Authentication:
    """`verify` is the system's that issues tokens; it raises Unauthenticated for one it would not accept.

    What came in a cookie is verified likewise, with `COOKIE` before it.
    """

    def __init__(self, verify: Verify | None, seconds: Callable[[], float]) -> None:
        self._verify = verify
        self._seconds = seconds
        self._remembered: dict[str, Verified] = {}
        self._ended: dict[SessionId | None, float] = {}  # sessions that ended, until no token of theirs can be valid

    def remembered(self, token: str) -> Actor | None:
        """The actor of a token that was verified before and still holds; None means: ask `who`."""
        known = self._remembered.get(token)
        if known is None:
            return None
        now = self._seconds()
        if known.expires > now and self._ended.get(known.actor.session, 0.0) <= now:
            return known.actor
        del self._remembered[token]
        return None

    async def who(self, token: str | None) -> Actor:
        """The actor of `token`; nobody's without one. Raises Unauthenticated for a token that does not hold."""
        if token is None:
            return ANONYMOUS
        actor = self.remembered(token)
        if actor is not None:
            return actor
        if self._verify is None:
            raise Unauthenticated("No system here issues access tokens.")
        verified = await self._verify(token)
        now = self._seconds()
        if verified.expires <= now:
            raise Unauthenticated("The access token has expired.")
        if self._ended.get(verified.actor.session, 0.0) > now:
            raise Unauthenticated("The session of this access token has ended.")
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._forget_expired()
        self._remembered[token] = verified
        return verified.actor

    def end(self, sessions: Iterable[SessionId], until: float) -> None:
        """Refuse every token of `sessions`; `until` is when the last of them expires by itself."""
        now = self._seconds()
        self._ended = {session: end for session, end in self._ended.items() if end > now}
        self._ended.update(dict.fromkeys(sessions, until))

    def _forget_expired(self) -> None:
        now = self._seconds()
        self._remembered = {token: known for token, known in self._remembered.items() if known.expires > now}
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
