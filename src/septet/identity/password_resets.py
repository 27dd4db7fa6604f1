"""A forgotten password: a mail to the account's address lets its reader choose another, once."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.identity import queries, tasks
from septet.identity.addresses import read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors import queries as factor_queries
from septet.identity.hashing import hashing
from septet.identity.ownership import prove_ownership
from septet.identity.passwords import is_short, refuse_short_alone, refuse_weak
from septet.identity.problems import WeakPassword, WrongCode
from septet.identity.revocations import revoke
from septet.identity.rows import Holder, Purpose, Verification
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.types import AddressOnly, PasswordResetProof, ProofSent, VerificationId
from septet.identity.verifications import begin, consume, prove, seconds_to_prove


@operation.post("/v1/identity/password-resets", public=True, hot=True, status=202, limit=per_minute(20, by="address"))
async def request_password_reset(ctx: Context, body: AddressOnly) -> ProofSent:
    """Ask for a mail that lets its reader choose another password.

    The reply is the same whether or not the address has an account; only one that has gets the mail.
    """
    id = await begin(ctx, Purpose.PASSWORD_RESET, read_address(body.email))
    return ProofSent(id, seconds_to_prove(ctx))


@operation.put(
    "/v1/identity/password-resets/{id}",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongCode, WeakPassword),
)
async def reset_password(ctx: Context, id: VerificationId, body: PasswordResetProof) -> None:
    """Choose another password, with the code or the token of the link in the mail.

    It works once. Every session of the account ends, and its owner gets a mail. Raises WrongCode, WeakPassword.
    """
    await refuse_weak(ctx, body.password, second_factor=True)
    row = await prove(ctx, id, Purpose.PASSWORD_RESET, code=body.code, token=body.token)
    owner = await ctx.read(_find_owner, row)
    await refuse_weak(ctx, body.password, row.email, second_factor=owner is not None and owner.second_factor)
    await ctx.write(_reset, row, await hashing(ctx.runtime).hash(body.password), is_short(ctx, body.password))


async def _find_owner(ctx: Context, row: Verification) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder_by_email, email_key=row.email_key)


async def _reset(ctx: Context, row: Verification, new_hash: str, short: bool) -> None:
    await consume(ctx, row)
    holder = await ctx.tx.maybe(queries.find_holder_by_email, email_key=row.email_key)
    if holder is None:  # deleted meanwhile, or it has another address now
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    await prove_ownership(ctx, holder)
    account = await ctx.tx.one(queries.reset_password, address_key=row.email_key, new_hash=new_hash, short=short)
    await refuse_short_alone(ctx, account.id)
    await ctx.tx.run(factor_queries.end_challenges_of_account, account_id=account.id)
    await revoke(ctx, await ctx.tx.all(queries.end_all_sessions, account_id=account.id))
    await audit_log.record(ctx, Action.PASSWORD_RESET, about=account.id)
    ctx.enqueue(tasks.send_notice, NoticeMail(account.id, Notice.PASSWORD_RESET, ctx.now))
