"""Registration: an account begins when its e-mail address is proven, and not before.

Until then there is a verification that holds what the account will be made of. Several people may register one
address; whoever reads its mail decides which of them stands, and what the others chose is gone: there is no account
that waits, with a stranger's password, for its true owner.
"""

from __future__ import annotations

import msgspec

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.ids import new_id
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.identity import queries
from septet.identity.addresses import Address, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.devices.devices import remember
from septet.identity.events import AccountCreated
from septet.identity.hashing import hashing
from septet.identity.passwords import refuse_weak
from septet.identity.problems import EmailTaken, WeakPassword, WrongCode
from septet.identity.proven import BY_EMAIL, BY_PASSWORD
from septet.identity.rows import Purpose, SessionKind, Verification
from septet.identity.sessions import Opened, open_session, reply
from septet.identity.settings import EmailVerification, IdentitySettings
from septet.identity.types import (
    Account,
    NewAccount,
    SessionReply,
    SignedUp,
    VerificationId,
    VerificationProof,
    VerificationSent,
)
from septet.identity.verifications import AccountToBe, begin, consume, prove, seconds_to_prove


@operation.post(
    "/v1/identity/accounts",
    public=True,
    steps=True,
    secret=True,
    statuses={VerificationSent: 202},
    limit=per_minute(30, by="address"),
    raises=(WeakPassword, EmailTaken),
)
async def register(ctx: Context, body: NewAccount) -> SignedUp | VerificationSent:
    """Register an account.

    The reply is the same whether or not the address has an account: a mail was sent to it. Its code, given to
    `/v1/identity/verifications`, makes the account. A server that verifies no addresses makes it at once, signs in,
    and raises EmailTaken for a known address. Raises WeakPassword.
    """
    begun = await begin_registration(ctx, body)
    if isinstance(begun, Opened):
        return SignedUp(*msgspec.structs.astuple(reply(ctx, begun)))
    return VerificationSent(begun, seconds_to_prove(ctx))


async def begin_registration(
    ctx: Context, body: NewAccount, kind: SessionKind = SessionKind.TOKENS
) -> Opened | VerificationId:
    """Have a code mailed; or, where no address is verified, make the account and a session; in steps.

    Raises WeakPassword, EmailTaken.
    """
    address = read_address(body.email)
    await refuse_weak(ctx, body.password, address.text, body.name)
    to_be = AccountToBe(body.name, body.locale, await hashing(ctx.runtime).hash(body.password))
    if ctx.settings(IdentitySettings).email_verification is EmailVerification.OFF:
        return await ctx.write(_register_unverified, address, to_be, kind)
    return await ctx.write_hot(_begin, address, to_be)


@operation.post(
    "/v1/identity/verifications",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(WrongCode, WeakPassword),
)
async def verify_registration(ctx: Context, body: VerificationProof) -> SessionReply:
    """Prove the address of a registration, which makes the account and signs in.

    Send the code that was mailed; or the token of the link, together with a password. Raises WrongCode, also once a
    code was tried too often.
    """
    return reply(ctx, await finish_registration(ctx, body))


async def finish_registration(ctx: Context, body: VerificationProof, kind: SessionKind = SessionKind.TOKENS) -> Opened:
    """Make the account whose address is proven, and a session; in steps. Raises WrongCode, WeakPassword."""
    if body.token is not None and body.password is None:
        raise Invalid("Whoever comes by the link chooses the password.", pointer="/password")
    if body.token is None and body.password is not None:
        raise Invalid("A code comes with the password given at registration.", pointer="/password")
    row = await prove(ctx, body.verification_id, Purpose.REGISTRATION, code=body.code, token=body.token)
    password_hash = row.password_hash or ""
    if body.password is not None:
        await refuse_weak(ctx, body.password, row.email, row.name)
        password_hash = await hashing(ctx.runtime).hash(body.password)
    return await ctx.write(_register_verified, row, password_hash, kind)


async def create_account(ctx: Context, address: Address, to_be: AccountToBe, *, verified: bool) -> Account | None:
    """Make an account in the open transaction; None if the address has one."""
    account = await ctx.tx.maybe(
        queries.insert_account,
        id=new_id(),
        email=address.text,
        email_key=address.key,
        email_verified=verified,
        name=to_be.name,
        locale=to_be.locale,
        password_hash=to_be.password_hash,
        password_short=None,
        created_at=ctx.now,
        suspended_at=None,
    )
    if account is not None:
        ctx.publish(AccountCreated(account.id))
        await audit_log.record(ctx, Action.REGISTER, about=account.id)
    return account


async def _begin(ctx: Context, address: Address, to_be: AccountToBe) -> VerificationId:
    return await begin(ctx, Purpose.REGISTRATION, address, to_be=to_be)


async def _register_verified(ctx: Context, row: Verification, password_hash: str, kind: SessionKind) -> Opened:
    await consume(ctx, row)
    to_be = AccountToBe(row.name, row.locale or "", password_hash)
    account = await create_account(ctx, Address(row.email, row.email_key), to_be, verified=True)
    if account is None:  # registered meanwhile, another way
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    await remember(ctx, account.id)
    return await open_session(ctx, account.id, BY_EMAIL, kind)


async def _register_unverified(ctx: Context, address: Address, to_be: AccountToBe, kind: SessionKind) -> Opened:
    account = await create_account(ctx, address, to_be, verified=False)
    if account is None:
        raise EmailTaken("There is an account with this e-mail address.", pointer="/email")
    await remember(ctx, account.id)
    return await open_session(ctx, account.id, BY_PASSWORD, kind)
