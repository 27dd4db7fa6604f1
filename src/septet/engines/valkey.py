"""The one way to Valkey (or Redis): a pool of connections, short patience, and a moment's rest after a failure.

What is kept there can be lost: rows are the truth. So whoever asks gets an answer or Unavailable within half a
second, or a whole one where all connections are busy, and goes on without.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError

from septet.core.errors import Unavailable
from septet.settings import WrongSettingError

T = TypeVar("T")
log = structlog.get_logger()

PATIENCE = 0.5  # seconds for a connection, and for an answer
REST = 0.5  # seconds after a failure in which nobody tries: else each of many callers would wait in vain
_CONNECTIONS = 32
PREFIX = "septet:"


class Valkey:
    """Connections to `url`, opened when they are first needed. `ask` is the one way to use them."""

    def __init__(self, url: str, ticks: Callable[[], float] = time.monotonic) -> None:
        """Raises WrongSettingError for a URL that cannot be one."""
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=PATIENCE,  # for a connection that is free
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
                # Once, at once: a connection may have died since it was last used.
                retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
            )
        except ValueError as error:
            raise WrongSettingError(f"SEPTET_VALKEY_URL: {error}") from None
        self._client = Redis.from_pool(pool)
        self._ticks = ticks
        self._rest_until = 0.0
        self._is_down = False

    async def ask(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """What `work` gets of the client. Raises Unavailable, at once while it is known that nobody answers."""
        if self._is_down:
            if self._ticks() < self._rest_until:
                raise Unavailable("Valkey cannot be reached.")
            self._rest_until = self._ticks() + 2 * PATIENCE + REST  # one tries, the others wait for what it finds
        try:
            value = await work(self._client)
        except (RedisError, OSError) as error:
            self._rest_until = self._ticks() + REST
            if not self._is_down:
                self._is_down = True
                log.warning("Valkey does not answer: going on without it", error=str(error) or type(error).__name__)
            raise Unavailable("Valkey cannot be reached.") from error
        if self._is_down:
            self._is_down = False
            log.info("Valkey answers again")
        return value

    async def version(self) -> str:
        """Which server answers. Raises Unavailable."""
        info = cast(dict[str, Any], await self.ask(lambda client: client.info("server")))
        name = str(info.get("server_name", "redis")).capitalize()
        return f"{name} {info.get('valkey_version', info.get('redis_version'))}"

    async def close(self) -> None:
        await self._client.aclose()
