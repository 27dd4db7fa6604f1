"""What may be shown of a setting: everything but secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

MASK = "***"
_SECRET = re.compile(r"(^|_)(headers|keys?|password|secret|token)$", re.IGNORECASE)


def masked(variable: str, value: Any) -> Any:
    """`value` as it may be shown: keys, passwords and the like are hidden, and so are passwords inside addresses.

    What has parts is shown as a mapping, each part by its own name.
    """
    if isinstance(value, Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return {name: masked(f"{variable}_{name}", part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [masked(variable, item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET.search(variable):
        return MASK
    return without_password(value) if "://" in value else value


def without_password(url: str) -> str:
    """`url` without the password in front of its host, or in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon and f':{MASK}'}{at}{host}"
    # What stands behind the host can be the rest of a password with a / or ? in it, which was not percent-encoded.
    if "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://{MASK}"
    query = MASK if "password" in parts.query.lower() else parts.query
    return f"{parts.scheme}://{netloc}{parts.path}{query and f'?{query}'}"
