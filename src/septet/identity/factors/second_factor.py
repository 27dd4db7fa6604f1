"""The second factor of a sign-in: the answer to the challenge that the first proof gave."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.limits import Limit, per_minute
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity import audit
from septet.identity import queries as identity_queries
from septet.identity.audit import Action, Outcome
from septet.identity.entering import enter
from septet.identity.factors import challenges, recovery_codes, totp
from septet.identity.factors.rows import Challenge, ChallengePurpose
from septet.identity.factors.types import SecondFactorProof
from septet.identity.problems import AccountSuspended, WrongSecondFactor
from septet.identity.proven import Method, read_proven
from septet.identity.rows import SessionKind
from septet.identity.sessions import Opened, reply
from septet.identity.types import SessionReply

# Only who has the first factor can use these up, so a stranger cannot keep the owner out.
_TRIES_OF_AN_ACCOUNT = Limit(20, 3600.0, name="second_factor")
_WRONG = "This is wrong, or was used before, or the challenge holds no more."


@operation.post(
    "/v1/identity/sessions/second-factor",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongSecondFactor, AccountSuspended),
)
async def answer_second_factor(ctx: Context, body: SecondFactorProof) -> SessionReply:
    """Sign in with the second factor, after SecondFactorRequired: the challenge with a code, or a recovery code.

    A challenge holds for five minutes and five tries. Raises WrongSecondFactor.
    """
    return reply(ctx, await complete(ctx, body, SessionKind.TOKENS))


async def complete(ctx: Context, body: SecondFactorProof, kind: SessionKind) -> Opened:
    """The session that comes of the answer; in steps. Raises WrongSecondFactor, TooMany."""
    _refuse_unless_one(body.code, body.recovery_code)
    challenge = await challenges.attempt(ctx, body.challenge, ChallengePurpose.SECOND_FACTOR)
    if challenge is None or challenge.account_id is None:
        raise WrongSecondFactor(_WRONG)
    method = await prove(ctx, challenge.account_id, body.code, body.recovery_code)
    opened = await ctx.write(_open, challenge, method, kind) if method else None
    if opened is None:
        await ctx.write_hot(audit.record, Action.SIGN_IN, Outcome.REFUSED, about=challenge.account_id)
        raise WrongSecondFactor(_WRONG)
    return opened


async def prove(ctx: Context, account: AccountId, code: str | None, recovery_code: str | None) -> Method | None:
    """The method that holds, which is used up in a step of its own; None if it is wrong. Raises TooMany."""
    await ctx.spend_everywhere(_TRIES_OF_AN_ACCOUNT, "second_factor", str(account))
    if code is not None:
        return Method.TOTP if await ctx.write_hot(totp.use_code, account, code) else None
    assert recovery_code is not None
    return Method.RECOVERY_CODE if await ctx.write_hot(recovery_codes.use_code, account, recovery_code) else None


def _refuse_unless_one(code: str | None, recovery_code: str | None) -> None:
    if (code is None) == (recovery_code is None):
        raise Invalid("Give either a code of the app or a recovery code.", pointer="/code")


async def _open(ctx: Context, challenge: Challenge, method: Method, kind: SessionKind) -> Opened | None:
    """Open the session; None if the challenge was answered meanwhile, or its account is gone."""
    assert challenge.account_id is not None
    if not await challenges.consume(ctx, challenge):
        return None
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=challenge.account_id)
    if holder is None:
        return None
    entered = await enter(ctx, holder, read_proven(challenge.methods).with_methods(method), kind)
    assert isinstance(entered, Opened)  # two factors are proven
    return entered
