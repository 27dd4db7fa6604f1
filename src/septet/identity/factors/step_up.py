"""Proving anew who one is, for what asks for a fresh or stronger proof than the session tells of (RFC 9470)."""

from __future__ import annotations

import msgspec

from septet.core.context import Context
from septet.core.errors import Forbidden, Invalid
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.types import SessionId
from septet.identity import audit, queries
from septet.identity.audit import Action
from septet.identity.factors import second_factor
from septet.identity.factors.types import ProofAnew
from septet.identity.passwords import own_holder
from septet.identity.problems import WrongCode, WrongPassword, WrongSecondFactor
from septet.identity.proven import Method, Proven, read_proven
from septet.identity.rows import Holder, Purpose, Verification
from septet.identity.sessions import Opened, reply
from septet.identity.types import SessionReply, VerificationId
from septet.identity.verifications import consume
from septet.identity.verifications import prove as prove_address


@operation.post(
    "/v1/identity/sessions/current/proofs",
    scope="identity:write",
    steps=True,
    secret=True,
    limit=per_minute(10),
    raises=(WrongPassword, WrongSecondFactor, WrongCode),
)
async def prove_anew(ctx: Context, body: ProofAnew) -> SessionReply:
    """Prove again who you are, for what answered `proof_required`. The reply's access token tells of it.

    A second factor alone counts beside what the session was proven by before. The refresh token stays the same.
    Raises Forbidden for a key or another application, which prove nothing.
    """
    session = ctx.actor.session
    if session is None or ctx.actor.client or not ctx.actor.proven_at:
        raise Forbidden("Only a session of your own can be proven anew.")
    methods, address = await _prove(ctx, body)
    opened = await ctx.write(_renew, session, methods, address)
    tokens = reply(ctx, opened)
    passed = int((ctx.now - opened.session.rotated_at).total_seconds())
    return msgspec.structs.replace(
        tokens,
        expires_in=max(tokens.expires_in - passed, 0),
        refresh_expires_in=max(tokens.refresh_expires_in - passed, 0),
    )


async def _prove(ctx: Context, body: ProofAnew) -> tuple[tuple[Method, ...], Verification | None]:
    """What was proven. Raises what is wrong with it."""
    methods: list[Method] = []
    address = None
    if body.password is not None:
        await own_holder(ctx, body.password, pointer="/password")
        methods.append(Method.PASSWORD)
    if body.email_code is not None or body.email_code_id is not None:
        address = await _prove_address(ctx, body.email_code_id, body.email_code)
        methods.append(Method.EMAIL)
    if body.code is not None or body.recovery_code is not None:
        method = await second_factor.prove(ctx, ctx.actor.id, body.code, body.recovery_code)
        if method is None:
            raise WrongSecondFactor("This is wrong, or was used before.")
        methods.append(method)
    if not methods:
        raise Invalid("Give a password or a code.", pointer="/password")
    return tuple(methods), address


async def _prove_address(ctx: Context, id: VerificationId | None, code: str | None) -> Verification:
    if id is None or code is None:
        raise Invalid("A code from a mail comes with its id.", pointer="/email_code_id")
    row = await prove_address(ctx, id, Purpose.SIGN_IN, code=code)
    owner = await ctx.read(_find_holder, row)
    if owner is None or owner.id != ctx.actor.id:
        raise WrongCode("The code is wrong, used up or expired.", pointer="/email_code")
    return row


async def _find_holder(ctx: Context, row: Verification) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder_by_email, email_key=row.email_key)


async def _renew(ctx: Context, session: SessionId, methods: tuple[Method, ...], address: Verification | None) -> Opened:
    if address is not None:
        await consume(ctx, address)
    row = await ctx.tx.maybe(queries.find_session, id=session)
    holder = await ctx.tx.maybe(queries.find_holder, id=ctx.actor.id)
    if row is None or row.account_id != ctx.actor.id or holder is None:
        raise Forbidden("This session has ended.")
    proven = Proven(methods)
    if all(method in {Method.TOTP, Method.RECOVERY_CODE} for method in methods):
        proven = read_proven(row.methods).with_methods(*methods)
    values = {"proven_at": ctx.now, "factors": proven.factors, "methods": proven.joined()}
    renewed = await ctx.tx.one(queries.prove_session, session_id=session, **values)
    await audit.record(ctx, Action.PROVE_ANEW, about=holder.id)
    return Opened(renewed, holder)
