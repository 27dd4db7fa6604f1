"""Where processes add up what callers spent of their limits: Valkey, or the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from septet.core.database import Database
from septet.core.sharing import LimitStore
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.engines.valkey import Valkey


def open_limit_store(
    settings: Settings, database: Database, valkey: Valkey | None, seconds: Callable[[], float]
) -> LimitStore | None:
    """Valkey if there is one; else the database, if other processes can be expected; else None.

    `seconds` gives the time since 1970, by which the database's are counted.
    """
    if valkey is not None:
        from septet.engines.limits.valkey import ValkeyLimits

        return ValkeyLimits(valkey)
    if settings.workers > 1 or settings.database_kind == "postgresql":
        from septet.engines.limits.database import DatabaseLimits

        return DatabaseLimits(database, seconds)
    return None
