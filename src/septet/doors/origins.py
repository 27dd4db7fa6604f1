"""Which web pages may speak to a door that no browser needs: this server's own, and those that CORS lets in.

A page of a stranger can have its own name point at this machine (DNS rebinding) and then reach what listens here
as if from the same origin. Its `Origin` tells: it holds the stranger's name, whatever that name points at.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from septet.core.errors import Forbidden
from septet.core.message import Request
from septet.doors.cors import Cors
from septet.settings import Settings


class Origins:
    def __init__(self, floor: Settings) -> None:
        self._cors = Cors(floor.cors_origins)
        address = urlsplit(floor.base_url)
        self._own = f"{address.scheme}://{address.netloc}".lower().encode()

    def is_own(self, request: Request) -> bool:
        """Whether a browser says that a page of this server's own sent the request."""
        origin = request.origin
        if origin is None:
            return False
        return origin.lower() == self._own or _is_where_it_was_sent(origin.lower(), request)

    def check(self, request: Request) -> None:
        """Raises Forbidden for a page of another origin. Clients that are no browsers send none."""
        origin = request.origin
        if origin is None or origin.lower() == self._own or self._cors.allows(origin):
            return
        if not _is_where_it_was_sent(origin.lower(), request):
            raise Forbidden("Pages of this origin may not call here: SEPTET_CORS_ORIGINS names those that may.")


def _is_where_it_was_sent(origin: bytes, request: Request) -> bool:
    """Whether the page came from the very address it calls, and that is one no stranger can take over: no name."""
    host = (request.host or b"").lower()
    if origin != request.scheme.encode() + b"://" + host:
        return False
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
        if name != "localhost":
            ip_address(name)
    except ValueError:
        return False
    return True
