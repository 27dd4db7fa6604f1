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
        self._remembered: dict[str, Verified] = {}  # none of a session that ended
        self._tokens: dict[SessionId, list[str]] = {}  # those of them that belong to a session
        self._ended: dict[int, set[bytes]] = {}  # by minute: sessions whose last token expires in it

    def remembered(self, token: str) -> Actor | None:
        """The actor of a token that was verified before and still holds; None means: ask `who`."""
        known = self._remembered.get(token)
        if known is None:
            return None
        if known.expires > self._seconds():
            return known.actor
        self._forget(token)
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
        if verified.expires <= self._seconds():
            raise Unauthenticated("The access token has expired.")
        if self._has_ended(verified.actor.session):
            raise Unauthenticated("The session of this access token has ended.")
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._forget_expired()
        self._remember(token, verified)
        return verified.actor

    def end(self, sessions: Iterable[SessionId], until: float) -> None:
        """Refuse every token of `sessions`; `until` is when the last of them expires by itself."""
        this_minute = int(self._seconds() // 60)
        for minute in [minute for minute in self._ended if minute < this_minute]:
            del self._ended[minute]
        ended = self._ended.setdefault(int(until // 60), set())
        for session in sessions:
            ended.add(session.bytes)
            for token in self._tokens.pop(session, ()):
                self._remembered.pop(token, None)

    def _has_ended(self, session: SessionId | None) -> bool:
        """Whether it ended, and a token of it may still be around: known to the minute."""
        this_minute = int(self._seconds() // 60)
        return session is not None and any(
            session.bytes in ended for minute, ended in self._ended.items() if minute >= this_minute
        )

    def _remember(self, token: str, verified: Verified) -> None:
        if verified.actor.session is not None and token not in self._remembered:  # it may be verified twice at once
            self._tokens.setdefault(verified.actor.session, []).append(token)
        self._remembered[token] = verified

    def _forget(self, token: str) -> None:
        session = self._remembered.pop(token).actor.session
        if session is not None:
            self._tokens[session].remove(token)
            if not self._tokens[session]:
                del self._tokens[session]

    def _forget_expired(self) -> None:
        now = self._seconds()
        held = {token: known for token, known in self._remembered.items() if known.expires > now}
        self._remembered, self._tokens = {}, {}
        if len(held) < _MOST_REMEMBERED:
            for token, known in held.items():
                self._remember(token, known)
