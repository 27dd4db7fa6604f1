"""People in tests: who they say they are, is who they are. For tests alone: no setting chooses this."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import msgspec

from septet.app import Septet
from septet.core.authentication import Verified
from septet.core.context import Actor, Client, Context
from septet.core.runtime import Runtime
from septet.core.system import System
from septet.core.types import AccountId, SessionId

_NEVER = datetime(2999, 1, 1, tzinfo=timezone.utc).timestamp()


def person(name: str, scopes: frozenset[str]) -> Actor:
    """Someone who is signed in, and proves who they are at any time; the same account for the same name."""
    made = uuid5(NAMESPACE_DNS, name)
    return Actor(AccountId(made), SessionId(made), scopes, f"account:{made}", proven_at=_NEVER, factors=2)


async def _take_at_their_word(runtime: Runtime, token: str) -> Verified:
    return Verified(person(token, runtime.registry.member_scopes), _NEVER)


PEOPLE = System(name="people", summary="Whoever gives a name.", modules=(), authenticate=_take_at_their_word)


class Caller:
    """Makes calls as `name`, through the pipeline as a door does: `await ada("read_book", id=id)`.

    They may do what every account may: scopes that the card keeps from members (`members=False`) are not theirs.
    `last` is the context of the latest call, for what a door would put into headers.
    """

    def __init__(self, septet: Septet, name: str) -> None:
        self._septet = septet
        self.actor = person(name, septet.runtime.registry.member_scopes)
        self.last: Context

    async def __call__(self, operation_name: str, key: str | None = None, **arguments: Any) -> Any:
        operation = self._septet.runtime.registry.operations[operation_name]
        bind: Callable[[], msgspec.Struct] = lambda: msgspec.convert(arguments, operation.arguments_type)
        self.last = Context(self._septet.runtime, self.actor, Client("203.0.113.7", "test"))
        return await self._septet.pipeline.call(self.last, operation, bind, key)
