"""The cookie by which a browser stays signed in, and whose pages may send it along: only this server's own.

`SameSite=Lax` keeps it from most of what other sites could do in their visitors' names. For the rest, whatever
changes something must come from a page of ours: `Sec-Fetch-Site` tells, and in a browser that sends none, `Origin`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from septet.core.http_problems import CrossSite
from septet.core.message import Request
from septet.doors.origins import Origins
from septet.settings import Settings

_COMMON = "; Path=/; HttpOnly; SameSite=Lax"


class Cookies:
    def __init__(self, floor: Settings) -> None:
        self._origins = Origins(floor)
        address = urlsplit(floor.base_url)
        self._secure = address.scheme == "https"
        # `__Host-` keeps neighbouring names from setting it. Without TLS there is no such help; the port is in the
        # name because cookies, unlike origins, do not tell ports apart.
        self._name = "__Host-septet" if self._secure else f"septet-{address.port or 80}"

    def presented(self, request: Request, beside: str = "") -> str | None:
        """What the browser keeps for us. `beside`: in another cookie than the one that signs in."""
        if request.cookie is None:
            return None
        name = (self._name + beside).encode()
        for part in request.cookie.split(b";"):
            key, _, value = part.strip().partition(b"=")
            if key == name:
                return value.decode("latin-1")
        return None

    def kept(self, value: str, seconds: int, beside: str = "") -> tuple[bytes, bytes]:
        """The header that has a browser keep `value`, unreadable for scripts (RFC 6265bis section 4.1)."""
        secure = "; Secure" if self._secure else ""
        return b"set-cookie", f"{self._name}{beside}={value}; Max-Age={seconds}{_COMMON}{secure}".encode()

    def dropped(self) -> tuple[bytes, bytes]:
        """The header that has a browser forget it."""
        return self.kept("", 0)

    def refuse_cross_site(self, request: Request) -> None:
        """Raise CrossSite unless a page of this server's own sent the request."""
        site = request.header(b"sec-fetch-site")
        own = site == "same-origin" if site is not None else self._origins.is_own(request)
        if not own:
            raise CrossSite("Only pages of this server may send this.")
