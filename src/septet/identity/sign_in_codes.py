"""Signing in without a password: a code in a mail to the account's address."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.identity import queries
from septet.identity.addresses import read_address
from septet.identity.entering import Entered, enter, reply_or_challenge
from septet.identity.ownership import prove_ownership
from septet.identity.problems import AccountSuspended, SecondFactorRequired, WrongCode
from septet.identity.proven import BY_EMAIL
from septet.identity.rows import Purpose, SessionKind, Verification
from septet.identity.settings import IdentitySettings
from septet.identity.types import AddressOnly, ProofSent, SessionReply, SignInCode, VerificationId
from septet.identity.verifications import begin, consume, prove, seconds_to_prove


@operation.post("/v1/identity/sign-in-codes", public=True, hot=True, status=202, limit=per_minute(20, by="address"))
async def request_sign_in_code(ctx: Context, body: AddressOnly) -> ProofSent:
    """Ask for a mail with a code to sign in with.

    The reply is the same whether or not the address has an account; only one that has gets the mail.
    """
    return await send_code(ctx, body)


async def send_code(ctx: Context, body: AddressOnly) -> ProofSent:
    """Have a code mailed, in the open transaction. Raises NotFound where nobody signs in so."""
    _refuse_if_off(ctx)
    id = await begin(ctx, Purpose.SIGN_IN, read_address(body.email))
    return ProofSent(id, seconds_to_prove(ctx))


@operation.put(
    "/v1/identity/sign-in-codes/{id}",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongCode, SecondFactorRequired, AccountSuspended),
)
async def sign_in_with_code(ctx: Context, id: VerificationId, body: SignInCode) -> SessionReply:
    """Sign in with the code, or the token of the link, in the mail. It works once. Raises WrongCode."""
    return reply_or_challenge(ctx, await check_code(ctx, id, body))


async def check_code(
    ctx: Context, id: VerificationId, body: SignInCode, kind: SessionKind = SessionKind.TOKENS
) -> Entered:
    """What comes of a code: a session, or a challenge; in steps. Raises WrongCode, AccountSuspended."""
    _refuse_if_off(ctx)
    row = await prove(ctx, id, Purpose.SIGN_IN, code=body.code, token=body.token)
    return await ctx.write(_enter, row, kind)


async def _enter(ctx: Context, row: Verification, kind: SessionKind) -> Entered:
    await consume(ctx, row)
    holder = await ctx.tx.maybe(queries.find_holder_by_email, email_key=row.email_key)
    if holder is None:  # deleted meanwhile, or it has another address now
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    return await enter(ctx, await prove_ownership(ctx, holder), BY_EMAIL, kind)


def _refuse_if_off(ctx: Context) -> None:
    if not ctx.settings(IdentitySettings).sign_in_codes:
        raise NotFound("This server signs nobody in by codes.")
