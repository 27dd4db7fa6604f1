"""Calls operations through the pipeline, as a door does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from septet.app import Septet
from septet.core.context import Actor, Client, Context
from septet.core.types import AccountId, SessionId

EVERYTHING = frozenset({"notes:read", "notes:write"})


def person(number: int, scopes: frozenset[str] = EVERYTHING) -> Actor:
    """Someone who is signed in."""
    made = UUID(int=number)
    return Actor(AccountId(made), SessionId(made), scopes, f"account:{made}")


class Caller:
    """Makes calls as one actor. `last` is the context of the latest, for what a door would put into headers."""

    def __init__(self, septet: Septet, actor: Actor, address: str = "203.0.113.7") -> None:
        self.septet = septet
        self.actor = actor
        self.client = Client(address, "test")
        self.last: Context

    async def __call__(self, name: str, key: str | None = None, **arguments: Any) -> Any:
        operation = self.septet.runtime.registry.operations[name]
        bind: Callable[[], msgspec.Struct] = lambda: msgspec.convert(arguments, operation.arguments_type)
        self.last = Context(self.septet.runtime, self.actor, self.client, "test")
        return await self.septet.pipeline.call(self.last, operation, bind, key)
