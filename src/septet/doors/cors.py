"""Which web pages of other origins may call from a browser: those in `SEPTET_CORS_ORIGINS`, by default none.

Calls carry a token, not a cookie, so credentials are not allowed and `*` is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence

Headers = list[tuple[bytes, bytes]]

_SHOWN = (
    b"ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "
    b"X-Request-Id"
)
_TAKEN = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, MCP-Protocol-Version, Mcp-Method, Mcp-Name"
)
_REMEMBERED_FOR = b"7200"  # seconds; browsers take no more


class Cors:
    def __init__(self, origins: Sequence[str]) -> None:
        self.open = bool(origins)
        self._any = "*" in origins
        self._origins = {origin.rstrip("/").lower().encode() for origin in origins}

    def allows(self, origin: bytes) -> bool:
        return self._any or origin.lower() in self._origins

    def headers(self, origin: bytes) -> Headers:
        """For a reply to an origin that is allowed."""
        return [
            (b"access-control-allow-origin", b"*" if self._any else origin),
            (b"access-control-expose-headers", _SHOWN),
        ]

    def preflight(self, allow: bytes) -> Headers:
        """For a browser that asks before it calls."""
        return [
            (b"access-control-allow-methods", allow),
            (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", _REMEMBERED_FOR),
        ]
