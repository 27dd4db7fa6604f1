"""Where a client may have people sent back to (RFC 9700 section 2.1, RFC 8252 section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlencode, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def why_not_redirect(uri: str) -> str | None:
    """The reason against registering it, or None."""
    if "#" in uri or "*" in uri or "\\" in uri:
        return "A redirect URI has no fragment, no wildcard and no backslash."
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is no URI."
    if parts.username is not None or parts.password is not None:
        return "A redirect URI names nobody."
    if parts.scheme == "https":
        return None if host else "A redirect URI has a host."
    if parts.scheme == "http":
        return None if host in _LOOPBACK else "Without TLS a redirect URI leads to the loopback interface only."
    if "." not in parts.scheme:  # RFC 8252 section 7.1: an app's scheme is a domain of its maker's, reversed
        return "A redirect URI is https, or has an app's own scheme, such as org.example.app."
    return None


def is_registered(registered: Iterable[str], wanted: str) -> bool:
    """Compared exactly; but on the loopback interface any port will do, as apps get theirs when they start."""
    return any(uri == wanted or _is_loopback_twin(uri, wanted) for uri in registered)


def is_assured(uri: str) -> bool:
    """Whether only the client itself can be at this address: whoever holds the domain (RFC 8252 section 8.6)."""
    return urlsplit(uri).scheme == "https"


def with_parameters(uri: str, parameters: Mapping[str, str | None]) -> str:
    """The URI with these added to its query; its own parameters stay (RFC 6749 section 3.1.2)."""
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{uri}{'&' if '?' in uri else '?'}{added}" if added else uri


def _is_loopback_twin(registered: str, wanted: str) -> bool:
    """RFC 8252 section 7.3."""
    one = urlsplit(registered)
    if one.scheme != "http" or one.hostname not in _LOOPBACK:
        return False
    try:
        other = urlsplit(wanted)
        _ = other.port
    except ValueError:
        return False
    return _without_port(one) == _without_port(other) and "@" not in other.netloc and "#" not in wanted


def _without_port(parts: SplitResult) -> tuple[str, str | None, str, str]:
    return parts.scheme, parts.hostname, parts.path, parts.query
