"""What a client sends and wants to have, by its `Content-Type` and `Accept`."""

from __future__ import annotations

import functools

from septet.core.http_problems import UnsupportedMediaType
from septet.core.message import JSON, Request

GRAPHQL_JSON = b"application/graphql-response+json"
_UTF_8 = {"", "utf-8", "utf8"}


def check_media_type(request: Request) -> None:
    """Raise UnsupportedMediaType unless the body is JSON.

    What a page of another origin may send without being asked (forms, plain text) is refused with it.
    """
    if request.content_type == JSON:
        return
    given = (request.content_type or b"").decode("latin-1")
    media_type, _, parameters = given.partition(";")
    charset = next((value for name, value in map(_parameter, parameters.split(";")) if name == "charset"), "")
    if media_type.strip().lower() != "application/json" or charset not in _UTF_8:
        raise UnsupportedMediaType("Send application/json, in UTF-8.")


@functools.lru_cache(maxsize=256)
def reply_type(accept: str | None) -> bytes:
    """GraphQL's own media type for those who name it and do not like plain JSON better; else plain JSON."""
    weights = _weights(accept)
    own, plain = weights.get(GRAPHQL_JSON.decode(), 0.0), weights.get(JSON.decode(), 0.0)
    return GRAPHQL_JSON if own > 0 and own >= plain else JSON


def wants_page(accept: str | None) -> bool:
    """Whether a person looks at it: browsers name HTML, programs do not."""
    weights = _weights(accept)
    page = weights.get("text/html", 0.0)
    return page > 0 and page >= max(weights.get(JSON.decode(), 0.0), weights.get(GRAPHQL_JSON.decode(), 0.0))


def _weights(accept: str | None) -> dict[str, float]:
    """How much each named media type is liked (RFC 9110 section 12.4.2)."""
    weights = {}
    for part in (accept or "").split(","):
        media_type, _, parameters = part.partition(";")
        quality = next((value for name, value in map(_parameter, parameters.split(";")) if name == "q"), "1")
        try:
            weights[media_type.strip().lower()] = float(quality)
        except ValueError:
            continue
    return weights


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"').lower()
