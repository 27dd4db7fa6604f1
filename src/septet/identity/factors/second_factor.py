"""The second factor of a sign-in: the answer to the challenge that the first proof gave."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.limits import per_hour, per_minute
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity import queries as identity_queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.entering import enter
from septet.identity.factors import challenges, passkeys, recovery_codes, totp
from septet.identity.factors.passkey_types import PasskeyProof
from septet.identity.factors.rows import Challenge, ChallengePurpose
from septet.identity.factors.types import SecondFactorProof
from septet.identity.problems import AccountSuspended, WrongPasskey, WrongSecondFactor
from septet.identity.proven import Method, read_proven
from septet.identity.rows import SessionKind
from septet.identity.sessions import Opened, reply
from septet.identity.types import SessionReply

# Only who has the first factor can use these up, so a stranger cannot keep the owner out.
_GUESSES = per_hour(20, name="second_factor")
_WRONG = "This is wrong, or was used before, or the challenge holds no more."


@operation.post(
    "/v1/identity/sessions/second-factor",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongSecondFactor, WrongPasskey, AccountSuspended),
)
async def answer_second_factor(ctx: Context, body: SecondFactorProof) -> SessionReply:
    """Sign in with the second factor, after SecondFactorRequired: the challenge with a code, or a recovery code.

    A challenge holds for five minutes and five tries. Raises WrongSecondFactor.
    """
    return reply(ctx, await complete(ctx, body, SessionKind.TOKENS))


async def complete(ctx: Context, body: SecondFactorProof, kind: SessionKind) -> Opened:
    """The session that comes of the answer; in steps. Raises WrongSecondFactor, WrongPasskey, TooMany."""
    if sum(given is not None for given in (body.code, body.recovery_code, body.passkey)) != 1:
        raise Invalid("Give a code of the app, a recovery code, or a passkey's answer.", pointer="/code")
    challenge = await challenges.attempt(ctx, body.challenge, ChallengePurpose.SECOND_FACTOR)
    if challenge is None or challenge.account_id is None:
        raise WrongSecondFactor(_WRONG)
    passkey: Method | None = None
    if body.passkey is not None:
        proof = PasskeyProof(challenge=body.challenge, credential=body.passkey)
        (_, proven) = await passkeys.check(ctx, proof, challenge.account_id)
        passkey = proven.methods[0]
    elif body.code is not None:
        await spend_guess(ctx, "second_factor", str(challenge.account_id))
    opened = await ctx.write(_open, challenge, body, passkey, kind)
    if opened is None:
        await ctx.write_hot(audit_log.record, Action.SIGN_IN, Outcome.REFUSED, about=challenge.account_id)
        raise WrongSecondFactor(_WRONG)
    return opened


async def spend_guess(ctx: Context, what: str, whose: str) -> None:
    """Count a code of six digits. Recovery codes need no count: nobody guesses them. Raises TooMany."""
    await ctx.spend_everywhere(_GUESSES, what, whose, refusal="Too many codes. Wait, or use a recovery code.")


async def use(ctx: Context, account: AccountId, code: str | None, recovery_code: str | None) -> Method | None:
    """Use the code up in the open transaction of what it is for: the method that it proves, None if it is wrong."""
    if code is not None:
        return Method.TOTP if await totp.use_code(ctx, account, code) else None
    assert recovery_code is not None
    return Method.RECOVERY_CODE if await recovery_codes.use_code(ctx, account, recovery_code) else None


async def _open(
    ctx: Context, challenge: Challenge, body: SecondFactorProof, passkey: Method | None, kind: SessionKind
) -> Opened | None:
    """Open the session; None for a wrong code. What refuses later undoes the use of the code with all else."""
    assert challenge.account_id is not None
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=challenge.account_id)
    if holder is None:
        return None
    method = passkey or await use(ctx, holder.id, body.code, body.recovery_code)
    if method is None:
        return None
    if not await challenges.consume(ctx, challenge):  # answered meanwhile, or ended by a change of password
        raise WrongSecondFactor(_WRONG)
    entered = await enter(ctx, holder, read_proven(challenge.methods).with_methods(method), kind)
    assert isinstance(entered, Opened)  # two factors are proven
    return entered
