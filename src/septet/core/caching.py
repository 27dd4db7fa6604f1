"""Reads through the cache: one that misses runs once, however many wait for it.

Callers who miss the same value at the same moment share one run in a process. A run may be joined only by who saw
the same stamp of its tags: whoever comes after a change was answered never gets what was read before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from septet.core.cache import Cache, CachedFor
from septet.core.context import Context
from septet.core.operation import Operation
from septet.core.tags import Tags

_encode_key = msgspec.json.Encoder(order="deterministic").encode  # a set's order is another in every process
_encode = msgspec.msgpack.encode
_LINGER = 0.05  # seconds that a run which has ended can still be joined
Work = Callable[[], Awaitable[Any]]


class CachedOperation:
    """A read as the cache sees it: how its values are named and encoded."""

    def __init__(self, operation: Operation, cached: CachedFor) -> None:
        self.seconds = cached.seconds
        self.tags = Tags(operation.name, cached.tags, operation.arguments)
        self.decode = msgspec.msgpack.Decoder(operation.returns).decode
        self._name = operation.name
        self._shared = cached.shared
        # Two releases that run at once do not read each other's values if their shapes differ.
        self._shape = hashlib.sha256(_encode_key(msgspec.json.schema(operation.returns))).hexdigest()[:16]

    def key(self, ctx: Context, arguments: Struct) -> bytes:
        """Names the value: by who asks and with which rights, unless it is the same for everybody."""
        who = None if self._shared else ctx.actor
        return hashlib.blake2b(_encode_key((self._name, self._shape, who, arguments)), digest_size=20).digest()


class Caching:
    """Reads of this process through `cache`. `ticks` gives seconds that never run backwards."""

    def __init__(self, cache: Cache, ticks: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._ticks = ticks
        self._running: dict[tuple[bytes, bytes | int], asyncio.Future[bytes]] = {}

    async def read(self, ctx: Context, cached: CachedOperation, arguments: Struct, work: Work) -> Any:
        """The value that is kept, or that `work` gives. What `work` raises is raised, and not kept."""
        key = cached.key(ctx, arguments)
        tags = cached.tags.fill(ctx, arguments)
        looked = await self._cache.look(key, tags)
        if looked.value is not None:
            try:
                return cached.decode(looked.value)
            except msgspec.MsgspecError:  # written by a release that thought otherwise
                return await work()
        if looked.stamp is None:
            return await work()
        running = self._running.get((key, looked.stamp))
        if running is None:
            return await self._run(key, looked.stamp, cached, work)
        try:
            return cached.decode(await asyncio.shield(running))
        except asyncio.CancelledError:
            if running.cancelled():  # it is the run that ended without a value, and not us who are to end
                return await work()
            raise

    async def _run(self, key: bytes, stamp: bytes | int, cached: CachedOperation, work: Work) -> Any:
        """Do the work for all who wait, and keep what it gives for as long as it is still true, from its begin."""
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[bytes] = loop.create_future()
        self._running[key, stamp] = promise
        began = self._ticks()
        try:
            value = await work()
            encoded = _encode(value)
        except BaseException:
            del self._running[key, stamp]
            promise.cancel()
            raise
        promise.set_result(encoded)
        # Others may have looked just before the value is kept, and hear only now that there was none.
        loop.call_later(_LINGER, self._running.pop, (key, stamp), None)
        cost = self._ticks() - began
        if cost < cached.seconds:
            await self._cache.keep(key, stamp, encoded, seconds=cached.seconds - cost, cost=cost)
        return value
