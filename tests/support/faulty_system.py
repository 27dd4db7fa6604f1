"""A system whose every operation goes wrong, each in its own way."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from msgspec import Meta

from septet.core.context import Context
from septet.core.errors import Problem, Unauthenticated, Unavailable
from septet.core.operation import operation
from septet.core.system import System
from septet.core.types import Output


class Done(Output):
    done: bool


class WrongPassword(Unauthenticated):
    """The password is not the account's. Try again."""

    code = "wrong_password"


class Unmapped(Problem):
    """A problem that no status was given to."""

    code = "unmapped"


@operation.get("/v1/faulty/crash", public=True)
async def crash(ctx: Context) -> Done:
    """Hits a fault in its own code."""
    raise LookupError("the secret is hunter2")


@operation.get("/v1/faulty/unavailable", public=True)
async def be_unavailable(ctx: Context) -> Done:
    """Cannot do it now."""
    raise Unavailable("The disk is full.")


@operation.get("/v1/faulty/unmapped", public=True)
async def be_unmapped(ctx: Context) -> Done:
    """Raises a problem that has no status."""
    raise Unmapped("Odd.")


@operation.get("/v1/faulty/password", public=True, raises=(WrongPassword,))
async def ask_password(ctx: Context) -> Done:
    """Is refused for a reason of its own."""
    raise WrongPassword("That is not it.")


@operation.get("/v1/faulty/silent", public=True)
async def be_silent(ctx: Context) -> Done:
    """Says nothing of what went wrong."""
    raise WrongPassword


@operation.get("/v1/faulty/leave", public=True)
async def leave(ctx: Context) -> Done:
    """Is cancelled."""
    raise asyncio.CancelledError


@operation.get("/v1/faulty/sleep", public=True, steps=True)
async def sleep(ctx: Context, seconds: Annotated[float, Meta(ge=0, le=10)] = 0.05) -> Done:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return Done(True)


FAULTY = System(
    name="faulty", summary="Goes wrong.", modules=(sys.modules[__name__],), problems=(WrongPassword, Unmapped)
)
