"""Who asks, from what they showed: a token, a key, or what a browser keeps in its cookie."""

from __future__ import annotations

from septet.core.authentication import COOKIE, Verified
from septet.core.runtime import Runtime
from septet.identity import browser_sessions, tokens
from septet.identity.api_keys import authentication as api_keys
from septet.identity.api_keys.secrets import PREFIX


async def authenticate(runtime: Runtime, shown: str) -> Verified:
    """Raises Unauthenticated for what is not ours, or holds no more."""
    if shown.startswith(COOKIE):
        return await browser_sessions.authenticate(runtime, shown.removeprefix(COOKIE))
    if shown.startswith(PREFIX):
        return await api_keys.authenticate(runtime, shown)
    return await tokens.authenticate(runtime, shown)
