"""Who asks, when a call is made on the command line.

Whoever may read the data folder and its keys owns all that the server holds, so without further ado they are the
local administrator: nobody's account, with every scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from septet.cli.common import Failure
from septet.cli.texts import Texts

if TYPE_CHECKING:
    from septet.core.context import Actor
    from septet.core.operation import Operation
    from septet.core.runtime import Runtime


class Who(Struct, frozen=True):
    """At most one of them; none means the local administrator."""

    account: str | None = None
    token: str | None = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        if (self.account is not None) + (self.token is not None) + self.anonymous > 1:
            raise click.UsageError("--as, --token and --anonymous exclude one another")

    @property
    def is_administrator(self) -> bool:
        return self == ADMINISTRATOR


ADMINISTRATOR = Who()
ANYBODY = Who(anonymous=True)


def options_of_who() -> list[click.Option]:
    """Options that say who asks."""
    return [
        click.Option(["--as", "as_account"], metavar="EMAIL", help="Ask as this account, by its address or id."),
        click.Option(["--token"], help="Ask with an access token; @FILE or - keeps it from the shell's history."),
        click.Option(["--anonymous"], is_flag=True, default=None, help="Ask as nobody."),
    ]


async def actor_of(runtime: Runtime, operation: Operation, who: Who) -> Actor:
    """Raises Unauthenticated for a token that does not hold, and Failure if there is no such account."""
    from septet.core.context import ANONYMOUS, SERVER
    from septet.core.errors import Unauthenticated

    if who.anonymous:
        return ANONYMOUS
    if who.account is not None:
        return await _actor_of_account(runtime, who.account)
    if who.token is None:
        return msgspec.structs.replace(SERVER, scopes=frozenset(runtime.registry.scopes))
    try:
        return await runtime.authentication.who(Texts(secret=True).read("--token", who.token))
    except Unauthenticated:
        if operation.public and operation.writes:  # as over REST: one signs in with an expired token at hand
            return ANONYMOUS
        raise


async def _actor_of_account(runtime: Runtime, name: str) -> Actor:
    from septet.core.errors import Problem

    found = [system.find_actor for system in runtime.registry.systems if system.find_actor is not None]
    if not found:
        raise Failure("--as: no system here has accounts")
    try:
        return await found[0](runtime, name)
    except Problem as problem:
        raise Failure(f"--as: {problem.detail}") from problem
