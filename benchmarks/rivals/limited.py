"""The usual way to share a limit: each call waits for an answer of Valkey, by the library `limits`.

`python -m benchmarks.rivals.limited PORT DATABASE_URL VALKEY_URL` is the bare server with it; `fastapi_app` is the
FastAPI app with it, for `VALKEY_URL`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

Asgi = Callable[..., Awaitable[None]]
QUOTA = 1_000_000_000


def limited(inner: Asgi, valkey_url: str) -> Asgi:
    """`inner`, for callers who have not used up their quota. Its fixed window is the cheapest of the library's ways."""
    limiter = FixedWindowRateLimiter(RedisStorage(f"async+{valkey_url}", implementation="redispy"))
    quota = RateLimitItemPerMinute(QUOTA)

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not await limiter.hit(quota, "one caller"):
            await send({"type": "http.response.start", "status": 429, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await inner(scope, receive, send)

    return answer


def __getattr__(name: str) -> Asgi:
    if name != "fastapi_app":
        raise AttributeError(name)
    from benchmarks.rivals.fastapi_app import app

    return limited(app, os.environ["VALKEY_URL"])


if __name__ == "__main__":
    from benchmarks.rivals import bare

    uvloop.run(bare.main(int(sys.argv[1]), sys.argv[2], lambda inner: limited(inner, sys.argv[3])))
