"""Challenges: what must be answered within a few minutes, once, in so many tries.

The token of a challenge is its id with a MAC over it and its purpose, so that none is stored and a guessed one costs
no query. Its `nonce` is what a passkey signs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

from septet.core.context import Context
from septet.core.ids import new_id
from septet.core.keys import Keyring
from septet.core.types import AccountId
from septet.identity.factors import queries
from septet.identity.factors.rows import Challenge, ChallengePurpose
from septet.identity.proven import Proven

HOLDS_SECONDS = 300
_TRIES = 5


async def begin(ctx: Context, purpose: ChallengePurpose, account: AccountId | None, proven: Proven) -> str:
    """A new challenge's token, in the open transaction. `proven` is what they proved before it."""
    id = new_id()
    key_id = ctx.runtime.keys.current
    await ctx.tx.run(
        queries.insert_challenge,
        id=id,
        purpose=purpose.value,
        account_id=account,
        methods=proven.joined(),
        tries=0,
        key_id=key_id,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(seconds=HOLDS_SECONDS),
    )
    return _token_of(ctx.runtime.keys, id, purpose, key_id)


async def attempt(ctx: Context, token: str, purpose: ChallengePurpose) -> Challenge | None:
    """The challenge that `token` names, one try of it used up for good: a step of its own. None if it holds no more."""
    id = read_token(ctx.runtime.keys, token, purpose)
    if id is None:
        return None
    found = await ctx.write_hot(_count_try, id)
    return found if found is not None and found.expires_at > ctx.now else None


async def consume(ctx: Context, challenge: Challenge) -> bool:
    """Use it up in the transaction of what it was for; False if another did."""
    return await ctx.tx.run(queries.consume_challenge, id=challenge.id) > 0


def nonce_of(token: str) -> bytes:
    """The 32 bytes that a passkey is to sign for this challenge."""
    return hashlib.sha256(token.encode()).digest()


def read_token(keys: Keyring, token: str, purpose: ChallengePurpose) -> UUID | None:
    """The challenge's id, or None if this server never made the token for this purpose."""
    try:
        key_id, encoded, _ = token.split(".")
        id = UUID(bytes=base64.urlsafe_b64decode(encoded + "=="))
        genuine = _token_of(keys, id, purpose, key_id)
    except (ValueError, KeyError):
        return None
    return id if hmac.compare_digest(genuine.encode(), token.encode()) else None


async def _count_try(ctx: Context, id: UUID) -> Challenge | None:
    return await ctx.tx.maybe(queries.try_challenge, challenge_id=id, most=_TRIES)


def _token_of(keys: Keyring, id: UUID, purpose: ChallengePurpose, key_id: str) -> str:
    mac = hmac.digest(keys.derive(f"identity.challenge.{purpose.value}", key_id), id.bytes, hashlib.sha256)
    return f"{key_id}.{_text(id.bytes)}.{_text(mac)}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
