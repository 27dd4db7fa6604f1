"""What limits leave a caller, in headers (IETF draft-ietf-httpapi-ratelimit-headers-11).

    RateLimit-Policy: "default";q=1200;w=60, "minute";q=30;w=60
    RateLimit: "default";r=1199;t=1, "minute";r=29;t=2

`q` calls a window of `w` seconds; `r` are left now, and all are there again in `t` seconds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from septet.core.limits import Limit, Standing


def limit_headers(standings: Sequence[Standing]) -> list[tuple[bytes, bytes]]:
    if not standings:
        return []
    policies, states = [], []
    for standing in standings:
        limit = standing.limit
        policies.append(_policy_of(limit))
        states.append(f'"{limit.name}";r={standing.remaining};t={math.ceil(standing.reset)}')
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]


@functools.lru_cache(maxsize=1024)
def _policy_of(limit: Limit) -> str:
    return f'"{limit.name}";q={limit.quota};w={math.ceil(limit.window)}'
