"""Signing in with a passkey, without saying who one is: the passkey tells."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.identity import queries as identity_queries
from septet.identity.entering import Entered, enter, reply_or_challenge
from septet.identity.factors import challenges, passkeys, webauthn
from septet.identity.factors.challenges import HOLDS_SECONDS
from septet.identity.factors.passkey_types import PasskeyChallenge, PasskeyProof
from septet.identity.factors.rows import Challenge, ChallengePurpose, PasskeyRow
from septet.identity.problems import AccountSuspended, WrongPasskey
from septet.identity.proven import Proven
from septet.identity.rows import SessionKind
from septet.identity.types import SessionReply


@operation.post(
    "/v1/identity/passkey-challenges", public=True, hot=True, secret=True, limit=per_minute(30, by="address")
)
async def begin_passkey_sign_in(ctx: Context) -> PasskeyChallenge:
    """A challenge for any passkey of this site: what to ask the browser for, by `navigator.credentials.get`."""
    token = await challenges.begin(ctx, ChallengePurpose.PASSKEY_SIGN_IN, None, Proven(()))
    return PasskeyChallenge(token, webauthn.sign_in_options(ctx.runtime, token), HOLDS_SECONDS)


@operation.post(
    "/v1/identity/sessions/passkey",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongPasskey, AccountSuspended),
)
async def sign_in_with_passkey(ctx: Context, body: PasskeyProof) -> SessionReply:
    """Sign in with a passkey's answer to the challenge. Raises WrongPasskey.

    It must have verified its user, by a fingerprint or a PIN; one that does not is a second factor beside a password.
    """
    return reply_or_challenge(ctx, await check_passkey(ctx, body))


async def check_passkey(ctx: Context, body: PasskeyProof, kind: SessionKind = SessionKind.TOKENS) -> Entered:
    """What comes of it: a session, or a challenge; in steps. Raises WrongPasskey, AccountSuspended."""
    challenge = await challenges.attempt(ctx, body.challenge, ChallengePurpose.PASSKEY_SIGN_IN)
    if challenge is None:
        raise WrongPasskey("The challenge is used up or expired.", pointer="/challenge")
    passkey, proven = await passkeys.check(ctx, body, None)
    if proven.factors < 2:
        raise WrongPasskey("The passkey did not verify who uses it.", pointer="/credential")
    return await ctx.write(_enter, challenge, passkey, proven, kind)


async def _enter(ctx: Context, challenge: Challenge, passkey: PasskeyRow, proven: Proven, kind: SessionKind) -> Entered:
    if not await challenges.consume(ctx, challenge):
        raise WrongPasskey("The challenge is used up or expired.", pointer="/challenge")
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=passkey.account_id)
    if holder is None:  # deleted meanwhile
        raise WrongPasskey("The challenge is used up or expired.", pointer="/challenge")
    return await enter(ctx, holder, proven, kind)
