"""Who asks, from what they showed: a token, or what a browser keeps in its cookie."""

from __future__ import annotations

from septet.core.authentication import COOKIE, Verified
from septet.core.runtime import Runtime
from septet.identity import browser_sessions, tokens


async def authenticate(runtime: Runtime, shown: str) -> Verified:
    """Raises Unauthenticated for what is not ours, or holds no more."""
    if shown.startswith(COOKIE):
        return await browser_sessions.authenticate(runtime, shown.removeprefix(COOKIE))
    return await tokens.authenticate(runtime, shown)
