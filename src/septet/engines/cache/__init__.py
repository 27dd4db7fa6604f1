"""What keeps the values of reads: this process's memory, or Valkey for all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from septet.core.cache import Cache
from septet.engines.cache.memory import MemoryCache
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.engines.valkey import Valkey


def open_cache(settings: Settings, valkey: Valkey | None) -> Cache | None:
    """The cache that the settings ask for; None if they want none."""
    if not settings.cache_bytes:
        return None
    if valkey is None:
        return MemoryCache(settings.cache_bytes)
    from septet.engines.cache.valkey import ValkeyCache

    return ValkeyCache(valkey)
