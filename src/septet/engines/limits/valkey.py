"""Limits added up in Valkey, by its own clock: one round trip an exchange, however many limits changed.

Each limit is a key that holds an arrival time in microseconds and expires with it. Callers near a limit are written
to a stream, which every process reads on from where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from septet.core.sharing import LARGEST_DEBT, NEAR, Backlog, Spent
from septet.engines.valkey import PREFIX, Valkey

_LIMIT = f"{PREFIX}limit:".encode()
_FEED = f"{PREFIX}limits-near"
_FEED_LENGTH = 10_000
_FEED_MS = 86_400_000

# KEYS: the stream, then a key a limit. ARGV: four numbers that stand for all, then microseconds spent and the window
# of each limit. Gives the time and the backlogs, -1 and the backlog for what `strict` refused.
_ADD = """
local near, debt, length, strict = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local gives = {string.format('%d', now)}
for i = 2, #KEYS do
    local name = KEYS[i]
    local spent, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
    local arrival = math.max(tonumber(redis.call('GET', name) or 0), now)
    if strict and arrival + spent > now + window then
        return {gives[1], '-1', string.format('%d', arrival - now)}
    end
    arrival = math.min(arrival + spent, now + debt * window)
    redis.call('SET', name, string.format('%d', arrival), 'PX', math.max(1, math.ceil((arrival - now) / 1000)))
    if arrival - now >= near * window then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', 'name', name, 'arrival', string.format('%d', arrival))
    end
    gives[i] = string.format('%d', arrival - now)
end
return gives
"""


class ValkeyLimits:
    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._read_until = "0-0"  # in the stream; its begin is what other processes know when this one starts
        self._add: Any = None

    async def exchange(self, spent: Sequence[Spent]) -> list[Backlog]:
        gives, feed = await self._valkey.ask(lambda client: self._exchange(client, spent))
        standings = [Backlog(one.name, int(backlog) / 1e6) for one, backlog in zip(spent, gives[1:], strict=True)]
        return [*self._near(int(gives[0]), feed), *standings]

    async def spend(self, spent: Spent) -> tuple[bool, float]:
        gives = await self._valkey.ask(lambda client: self._script(client)(**_call([spent], strict=True)))
        allowed = gives[1] != b"-1"
        return allowed, int(gives[-1]) / 1e6

    async def _exchange(self, client: Any, spent: Sequence[Spent]) -> tuple[list[bytes], Any]:
        async with client.pipeline(transaction=False) as pipeline:
            await self._script(client)(**_call(spent), client=pipeline)
            pipeline.xread({_FEED: self._read_until}, count=_FEED_LENGTH)
            if spent:
                pipeline.pexpire(_FEED, _FEED_MS)
            gives, feed, *_ = await pipeline.execute()
        return gives, feed

    def _near(self, now: int, feed: Any) -> Iterator[Backlog]:
        """The latest of each that the stream tells of, without those that are past."""
        latest: dict[bytes, int] = {}
        for id, fields in _entries(feed):
            self._read_until = id
            latest[fields[b"name"].removeprefix(_LIMIT)] = int(fields[b"arrival"])
        for name, arrival in latest.items():
            if arrival > now:
                yield Backlog(name, (arrival - now) / 1e6)

    def _script(self, client: Any) -> Any:
        if self._add is None:
            self._add = client.register_script(_ADD)
        return self._add


def _call(spent: Sequence[Spent], *, strict: bool = False) -> dict[str, Any]:
    args: list[Any] = [NEAR, LARGEST_DEBT, _FEED_LENGTH, int(strict)]
    for one in spent:
        args += (round(one.seconds * 1e6), round(one.window * 1e6))
    return {"keys": [_FEED, *(_LIMIT + one.name for one in spent)], "args": args}


def _entries(feed: Any) -> Any:
    """The entries of the one stream that was read, in the reply's shape of either protocol."""
    if not feed:
        return []
    streams = feed.values() if isinstance(feed, dict) else [entries for _, entries in feed]
    found = next(iter(streams))
    return found[0] if found and isinstance(found[0], list) else found
