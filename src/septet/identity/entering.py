"""What comes of a proof, whichever way it was given: a session, or the question for a second factor.

Every way of signing in ends here, so none of them can pass by a second factor or a suspension.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from septet.core.context import Context
from septet.identity.devices.devices import greet
from septet.identity.factors import challenges, passkey_queries, webauthn
from septet.identity.factors import queries as factor_queries
from septet.identity.factors.challenges import HOLDS_SECONDS
from septet.identity.factors.rows import ChallengePurpose
from septet.identity.problems import AccountSuspended, SecondFactorRequired
from septet.identity.proven import Proven
from septet.identity.rows import Holder, SessionKind
from septet.identity.sessions import Opened, open_session, reply
from septet.identity.types import SessionReply


class Challenged(Struct, frozen=True):
    """The proof holds, and a second factor is asked for: the challenge's token, and what answers it."""

    challenge: str
    methods: tuple[str, ...]
    passkey: dict[str, Any] | None = None  # what to ask the browser for


Entered: TypeAlias = Opened | Challenged


async def enter(ctx: Context, holder: Holder, proven: Proven, kind: SessionKind = SessionKind.TOKENS) -> Entered:
    """Let the account's owner in, in the open transaction. Raises AccountSuspended, which only they can meet."""
    if holder.suspended_at is not None:
        raise AccountSuspended("This account is suspended.")
    if holder.second_factor and proven.factors < 2:
        return await _challenge(ctx, holder, proven)
    await greet(ctx, holder)
    return await open_session(ctx, holder.id, proven, kind)


def reply_or_challenge(ctx: Context, entered: Entered) -> SessionReply:
    """The tokens of a session. Raises SecondFactorRequired for a challenge."""
    if isinstance(entered, Challenged):
        raise SecondFactorRequired(entered.challenge, entered.methods, HOLDS_SECONDS, entered.passkey)
    return reply(ctx, entered)


async def _challenge(ctx: Context, holder: Holder, proven: Proven) -> Challenged:
    """The challenge, and what of the account's answers it."""
    token = await challenges.begin(ctx, ChallengePurpose.SECOND_FACTOR, holder.id, proven)
    factors = await ctx.tx.one(factor_queries.factors_of, account_id=holder.id)
    options = None
    if factors.passkey:
        theirs = await ctx.tx.all(passkey_queries.passkeys_checked, account_id=holder.id)
        options = webauthn.sign_in_options(ctx.runtime, token, theirs)
    methods = tuple(name for name in factors.__struct_fields__ if getattr(factors, name))
    return Challenged(token, methods, options)
