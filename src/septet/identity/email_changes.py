"""Changing one's e-mail address: the new one is proven first, and both are told."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.identity import queries, tasks
from septet.identity.addresses import Address, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors.strength import require_own_strength
from septet.identity.passwords import own_holder
from septet.identity.problems import WrongCode, WrongPassword
from septet.identity.rows import Purpose, Verification
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.types import Account, EmailChange, EmailChangeProof, ProofSent, VerificationId
from septet.identity.verifications import begin, consume, prove, seconds_to_prove


@operation.post(
    "/v1/identity/me/email-changes",
    scope="identity:write",
    steps=True,
    secret=True,
    status=202,
    proof=fresh(),
    limit=per_minute(5),
    raises=(WrongPassword,),
)
async def request_email_change(ctx: Context, body: EmailChange) -> ProofSent:
    """Ask to change your e-mail address. A code goes to the new one, and the present one is told.

    The reply is the same whether or not the new address has an account. Besides a proof of the last five minutes, it
    asks for the password of whoever has one, and for the second factor likewise. Raises WrongPassword.
    """
    address = read_address(body.email)
    if body.current_password is not None or await ctx.read(_has_password):
        await own_holder(ctx, body.current_password or "")
    id = await ctx.write(_begin_change, address)
    return ProofSent(id, seconds_to_prove(ctx))


@operation.put(
    "/v1/identity/me/email-changes/{id}",
    scope="identity:write",
    steps=True,
    secret=True,
    limit=per_minute(10),
    raises=(WrongCode,),
)
async def change_email(ctx: Context, id: VerificationId, body: EmailChangeProof) -> Account:
    """Change your e-mail address, with the code in the mail to it. Raises WrongCode."""
    row = await prove(ctx, id, Purpose.EMAIL_CHANGE, code=body.code)
    return await ctx.write(_change, row)


async def _has_password(ctx: Context) -> bool:
    holder = await ctx.tx.maybe(queries.find_holder, id=ctx.actor.id)
    return holder is not None and holder.password_hash is not None


async def _begin_change(ctx: Context, address: Address) -> VerificationId:
    await require_own_strength(ctx)
    ctx.enqueue(tasks.send_notice, NoticeMail(ctx.actor.id, Notice.EMAIL_CHANGING, ctx.now))
    return await begin(ctx, Purpose.EMAIL_CHANGE, address, account=ctx.actor.id)


async def _change(ctx: Context, row: Verification) -> Account:
    await consume(ctx, row)
    owner = await ctx.tx.maybe(queries.find_account_by_email, email_key=row.email_key)
    if row.account_id != ctx.actor.id or (owner is not None and owner.id != ctx.actor.id):
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    values = {"account_id": ctx.actor.id, "email": row.email, "email_key": row.email_key}
    account = await ctx.tx.maybe(queries.set_email, **values)
    if account is None:  # deleted meanwhile
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    await audit_log.record(ctx, Action.EMAIL_CHANGE, about=account.id)
    ctx.enqueue(tasks.send_notice, NoticeMail(account.id, Notice.EMAIL_CHANGED, ctx.now))
    return account
