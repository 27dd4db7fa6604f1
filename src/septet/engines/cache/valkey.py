"""A cache that all processes share, in Valkey: one round trip a look.

A tag's stamp is a random word under a key of its own. One that is missing is made anew, so whatever Valkey forgets,
by eviction or a restart, makes values unfindable and never stale.

When a value is about to end, who looks may be told early that it is gone, the likelier the nearer the end and the
longer it took to make (XFetch: Vattani, Chierichetti, Lowenstein, VLDB 2015). So one process makes a much wanted
value anew while the others still have the old one, and nobody holds a lock that could die with its holder.
"""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from septet.core.cache import LONGEST, Looked
from septet.core.errors import Unavailable
from septet.engines.valkey import PREFIX, Valkey

_ENTRY = f"{PREFIX}cache:".encode()
_TAG = f"{PREFIX}tag:"
_EVERYTHING = "*"  # a tag of every value
_TAG_MS = int(LONGEST * 2 * 1000)  # a stamp outlives each value that carries it
_MOST_OWED = 10_000
_NOTHING = Looked(None, None)

# KEYS: the entry, then a key a tag. ARGV: a random word for stamps that are missing, and how long they live.
_LOOK = """
local stamps = {}
for i = 2, #KEYS do
    local stamp = redis.call('GET', KEYS[i])
    if not stamp then
        stamp = ARGV[1] .. i
        redis.call('SET', KEYS[i], stamp, 'PX', ARGV[2])
    end
    stamps[i - 1] = stamp
end
local stamp = table.concat(stamps, ' ')
local entry = redis.call('HMGET', KEYS[1], 'stamp', 'value', 'cost')
if entry[1] ~= stamp then return {stamp} end
return {stamp, entry[2], entry[3], redis.call('PTTL', KEYS[1])}
"""


class ValkeyCache:
    """Fails open: while Valkey does not answer, nothing is found and reads go to the database."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        # Tags that could not be invalidated, each with the number of its last try: nothing found is trusted until
        # they are.
        self._owed: dict[str, int] = {}
        self._tries = 0
        self._look: Any = None

    async def look(self, key: bytes, tags: Sequence[str]) -> Looked:
        try:
            if self._owed:
                await self._pay()
            found = await self._valkey.ask(lambda client: self._found(client, key, tags))
        except Unavailable:
            return _NOTHING
        if self._owed:  # a change could not be told while we looked
            return _NOTHING
        if len(found) == 1 or _is_due(cost=float(found[2]), left=found[3] / 1000):
            return Looked(None, found[0])
        return Looked(found[1], found[0])

    async def keep(self, key: bytes, stamp: bytes | int, value: bytes, *, seconds: float, cost: float) -> None:
        async def store(client: Any) -> None:
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.hset(_ENTRY + key, mapping={"stamp": stamp, "value": value, "cost": cost})
                pipeline.pexpire(_ENTRY + key, max(1, int(seconds * 1000)))
                await pipeline.execute()

        with suppress(Unavailable):  # it is made anew when it is wanted
            await self._valkey.ask(store)

    async def invalidate(self, tags: Iterable[str]) -> None:
        invalidated = set(tags)
        try:
            await self._stamp_anew(invalidated)
        except BaseException as error:
            self._owe(invalidated)
            if not isinstance(error, Unavailable):
                raise

    def _owe(self, tags: set[str]) -> None:
        self._tries += 1
        self._owed.update(dict.fromkeys(tags, self._tries))
        if len(self._owed) > _MOST_OWED:
            self._owed = {_EVERYTHING: self._tries}

    async def _pay(self) -> None:
        """Invalidate what is owed. Raises Unavailable, and owes it still."""
        owed = dict(self._owed)
        await self._stamp_anew(owed)
        for tag, number in owed.items():
            if self._owed.get(tag) == number:  # and not once more since
                del self._owed[tag]

    async def _stamp_anew(self, tags: Iterable[str]) -> None:
        word = secrets.token_hex(8)

        async def store(client: Any) -> None:
            async with client.pipeline(transaction=False) as pipeline:
                for tag in tags:
                    pipeline.set(_TAG + tag, word, px=_TAG_MS)
                await pipeline.execute()

        await self._valkey.ask(store)

    async def _found(self, client: Any, key: bytes, tags: Sequence[str]) -> Any:
        if self._look is None:
            self._look = client.register_script(_LOOK)
        keys = [_ENTRY + key, *(_TAG + tag for tag in (_EVERYTHING, *tags))]
        return await self._look(keys=keys, args=[secrets.token_hex(8), _TAG_MS])


def _is_due(*, cost: float, left: float) -> bool:
    """Whether to make a value anew although it is still there."""
    return left < 0 or -cost * math.log(1.0 - random.random()) >= left  # noqa: S311 - nobody gains by guessing it
