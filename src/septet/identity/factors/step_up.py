"""Proving anew who one is, for what asks for a fresh or stronger proof than the session tells of (RFC 9470)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Forbidden, Invalid
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.types import SessionId
from septet.identity import queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.factors import challenges, passkey_queries, passkeys, second_factor, webauthn
from septet.identity.factors.challenges import HOLDS_SECONDS
from septet.identity.factors.passkey_types import PasskeyChallenge, PasskeyProof
from septet.identity.factors.rows import ChallengePurpose
from septet.identity.factors.types import ProofAnew
from septet.identity.passwords import own_holder
from septet.identity.problems import (
    AccountSuspended,
    NoSecondFactor,
    WrongCode,
    WrongPasskey,
    WrongPassword,
    WrongSecondFactor,
)
from septet.identity.proven import Method, Proven, read_proven
from septet.identity.rows import Holder, Purpose, SessionKind, Verification
from septet.identity.sessions import Opened, reply
from septet.identity.types import SessionReply, VerificationId
from septet.identity.verifications import consume
from septet.identity.verifications import prove as prove_address


class _Checked(Struct, frozen=True):
    """What was proven before the transaction, and what it was checked against."""

    methods: tuple[Method, ...]
    holder: Holder | None
    address: Verification | None


@operation.post(
    "/v1/identity/sessions/current/passkey-challenges",
    scope="identity:write",
    secret=True,
    limit=per_minute(10),
    raises=(NoSecondFactor,),
)
async def begin_passkey_proof(ctx: Context) -> PasskeyChallenge:
    """A challenge for a passkey of yours, to prove again who you are. Raises NoSecondFactor if you have none."""
    theirs = await ctx.tx.all(passkey_queries.passkeys_checked, account_id=ctx.actor.id)
    if not theirs:
        raise NoSecondFactor("You have no passkey.")
    token = await challenges.begin(ctx, ChallengePurpose.STEP_UP, ctx.actor.id, Proven(()))
    return PasskeyChallenge(token, webauthn.sign_in_options(ctx.runtime, token, theirs), HOLDS_SECONDS)


@operation.post(
    "/v1/identity/sessions/current/proofs",
    scope="identity:write",
    steps=True,
    secret=True,
    limit=per_minute(10),
    raises=(WrongPassword, WrongSecondFactor, WrongPasskey, WrongCode, AccountSuspended),
)
async def prove_anew(ctx: Context, body: ProofAnew) -> SessionReply:
    """Prove again who you are, for what answered `proof_required`. The reply's access token tells of it.

    A second factor alone counts beside what the session was proven by before. The refresh token stays the same.
    Raises Forbidden for a key or another application, which prove nothing.
    """
    opened = await prove(ctx, body, SessionKind.TOKENS)
    tokens = reply(ctx, opened)
    passed = int((ctx.now - opened.session.rotated_at).total_seconds())
    return msgspec.structs.replace(
        tokens,
        expires_in=max(tokens.expires_in - passed, 0),
        refresh_expires_in=max(tokens.refresh_expires_in - passed, 0),
    )


async def prove(ctx: Context, body: ProofAnew, kind: SessionKind) -> Opened:
    """The caller's session, of this kind, with its new proof; in steps.

    Raises Forbidden, WrongPassword, WrongSecondFactor, WrongPasskey, WrongCode, AccountSuspended, TooMany.
    """
    session = ctx.actor.session
    if session is None or ctx.actor.client or not ctx.actor.proven_at:
        raise Forbidden("Only a session of your own can be proven anew.")
    if body.code is not None and body.recovery_code is not None:
        raise Invalid("Give either a code of the app or a recovery code.", pointer="/code")
    checked = await _check(ctx, body)
    if not checked.methods and body.code is None and body.recovery_code is None:
        raise Invalid("Give a password or a code.", pointer="/password")
    if body.code is not None:  # counted by session: a stolen token must not use up its owner's tries at signing in
        await second_factor.spend_guess(ctx, "step_up", str(session))
    opened = await ctx.write(_renew, session, kind, checked, body)
    if opened is None:
        await ctx.write_hot(audit_log.record, Action.PROVE_ANEW, Outcome.REFUSED, about=ctx.actor.id)
        raise WrongSecondFactor("This is wrong, or was used before.")
    return opened


async def _check(ctx: Context, body: ProofAnew) -> _Checked:
    """What was proven, but for codes of the app and of recovery. Raises what is wrong with it."""
    methods: list[Method] = []
    holder = address = None
    if body.password is not None:
        holder = await own_holder(ctx, body.password, pointer="/password")
        methods.append(Method.PASSWORD)
    if body.email_code is not None or body.email_code_id is not None:
        address = await _prove_address(ctx, body.email_code_id, body.email_code)
        methods.append(Method.EMAIL)
    if body.passkey is not None:
        methods += await _prove_passkey(ctx, body.passkey)
    return _Checked(tuple(methods), holder, address)


async def _prove_address(ctx: Context, id: VerificationId | None, code: str | None) -> Verification:
    if id is None or code is None:
        raise Invalid("A code from a mail comes with its id.", pointer="/email_code_id")
    row = await prove_address(ctx, id, Purpose.SIGN_IN, code=code)
    owner = await ctx.read(_find_holder, row)
    if owner is None or owner.id != ctx.actor.id:
        raise WrongCode("The code is wrong, used up or expired.", pointer="/email_code")
    return row


async def _prove_passkey(ctx: Context, proof: PasskeyProof) -> tuple[Method, ...]:
    challenge = await challenges.attempt(ctx, proof.challenge, ChallengePurpose.STEP_UP)
    if challenge is None or challenge.account_id != ctx.actor.id or not await ctx.write(challenges.consume, challenge):
        raise WrongPasskey("The challenge is used up or expired.", pointer="/passkey/challenge")
    _, proven = await passkeys.check(ctx, proof, ctx.actor.id)
    return proven.methods


async def _find_holder(ctx: Context, row: Verification) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder_by_email, email_key=row.email_key)


async def _renew(
    ctx: Context, session: SessionId, kind: SessionKind, checked: _Checked, body: ProofAnew
) -> Opened | None:
    """Keep the proof with the session; None for a wrong code. What refuses undoes the use of codes with all else."""
    row = await ctx.tx.maybe(queries.find_session, id=session)
    holder = await ctx.tx.maybe(queries.find_holder, id=ctx.actor.id)
    if row is None or holder is None or row.account_id != holder.id or row.kind is not kind:
        raise Forbidden("This session has ended, or is proven anew in another place.")
    if holder.suspended_at is not None:
        raise AccountSuspended("This account is suspended.")
    if checked.holder is not None and checked.holder.password_hash != holder.password_hash:
        raise WrongPassword("The current password is another one.", pointer="/password")
    proven = Proven(checked.methods)
    if body.code is not None or body.recovery_code is not None:
        method = await second_factor.use(ctx, holder.id, body.code, body.recovery_code)
        if method is None:
            return None
        proven = proven.with_methods(method)
    if checked.address is not None:
        await consume(ctx, checked.address)
    if proven.only_second:
        proven = read_proven(row.methods).with_methods(*proven.methods)
    values = {"proven_at": ctx.now, "factors": proven.factors, "methods": proven.joined()}
    renewed = await ctx.tx.one(queries.prove_session, session_id=session, **values)
    await audit_log.record(ctx, Action.PROVE_ANEW, about=holder.id)
    return Opened(renewed, holder)
