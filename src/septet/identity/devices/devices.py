"""Devices: a program at an address from which an account was signed in to in the last ninety days.

Whoever signs in from another gets in as well, and the account's owner a mail. And while somebody guesses at a password
from places that are not known, the owner goes on signing in from theirs: see `signing_in.py`.
"""

from __future__ import annotations

import hashlib

from septet.core.context import Client, Context
from septet.core.types import AccountId
from septet.identity import tasks
from septet.identity.devices import queries
from septet.identity.devices.names import name_of
from septet.identity.rows import Holder
from septet.identity.tasks import Notice, NoticeMail


def place_of(account: AccountId, client: Client) -> bytes:
    """What a device is known by. Versions are left out of it, so an update makes none new."""
    told = f"{account}\0{name_of(client.user_agent)}\0{client.address}"
    return hashlib.sha256(told.encode()).digest()


async def is_known(ctx: Context, account: AccountId) -> bool:
    """Whether the caller's device is one that the account was signed in from, in the open transaction."""
    seen = await ctx.tx.maybe(queries.find_device, account_id=account, place_hash=place_of(account, ctx.client))
    return seen is not None and seen.seen_at > ctx.now - queries.KNOWN_FOR


async def remember(ctx: Context, account: AccountId) -> None:
    """Know the caller's device from now on."""
    place = place_of(account, ctx.client)
    await ctx.tx.run(queries.keep_device, account_id=account, place_hash=place, seen_at=ctx.now)


async def greet(ctx: Context, holder: Holder) -> None:
    """Know the caller's device from now on; if it was not known, tell the account's owner of it.

    Not at the very first sign-in, of an account that was made elsewhere: then every device is new.
    """
    if not await is_known(ctx, holder.id) and not await _is_first(ctx, holder):
        name = name_of(ctx.client.user_agent)
        ctx.enqueue(tasks.send_notice, NoticeMail(holder.id, Notice.NEW_DEVICE, ctx.now, name))
    await remember(ctx, holder.id)


async def _is_first(ctx: Context, holder: Holder) -> bool:
    """Whether nobody ever signed in to it. Of an older account, devices may have been forgotten."""
    young = holder.created_at > ctx.now - queries.KNOWN_FOR
    return young and not await ctx.tx.all(queries.devices_of, account_id=holder.id)
