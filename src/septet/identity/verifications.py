"""That somebody reads an address: a code in a mail, typed back; or the link beside it.

Beginning one does the same work for every address and tells nothing of it. Whether a mail goes out, and which, is
decided later, by a task. A verification whose code was never sent can never be proven.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.ids import new_id
from septet.core.types import AccountId
from septet.identity import queries, tasks
from septet.identity.addresses import Address
from septet.identity.codes import code_of, is_link_token, same
from septet.identity.problems import WrongCode
from septet.identity.rows import Purpose, Verification
from septet.identity.settings import IdentitySettings
from septet.identity.tasks import VerificationMail
from septet.identity.types import VerificationId


class AccountToBe(Struct, frozen=True):
    """What a registration keeps until its address is proven. Until then there is no account."""

    name: str | None
    locale: str
    password_hash: str | None


async def begin(
    ctx: Context,
    purpose: Purpose,
    address: Address,
    *,
    account: AccountId | None = None,
    to_be: AccountToBe | None = None,
) -> VerificationId:
    """Store a verification and the task that mails its code."""
    verification = VerificationId(new_id())
    await ctx.tx.run(
        queries.insert_verification,
        id=verification,
        purpose=purpose.value,
        email=address.text,
        email_key=address.key,
        account_id=account,
        name=to_be and to_be.name,
        locale=to_be and to_be.locale,
        password_hash=to_be and to_be.password_hash,
        key_id=ctx.runtime.keys.current,
        tries=0,
        sent_at=None,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(seconds=seconds_to_prove(ctx)),
    )
    ctx.enqueue(tasks.send_verification, VerificationMail(verification))
    return verification


def seconds_to_prove(ctx: Context) -> int:
    return ctx.settings(IdentitySettings).code_minutes * 60


async def prove(
    ctx: Context, id: VerificationId, purpose: Purpose, *, code: str | None, token: str | None = None
) -> Verification:
    """The verification that a code or a link's token proves; steps of their own, outside any transaction.

    A code costs a try, which stands whatever comes of it. Raises WrongCode.
    """
    if (code is None) == (token is None):
        raise Invalid("Give either the code or the token of the link.", pointer="/code")
    if code is not None:
        row = await ctx.write_hot(_count_try, id)
        genuine = row is not None and _is_code_of(ctx, row, code)
    else:
        assert token is not None
        genuine = is_link_token(ctx.runtime.keys, id, token)
        row = await ctx.read(_find, id) if genuine else None
    if row is None or not genuine or row.purpose is not purpose or row.sent_at is None or row.expires_at <= ctx.now:
        raise WrongCode("The code is wrong, used up or expired.", pointer="/token" if code is None else "/code")
    return row


async def consume(ctx: Context, row: Verification) -> None:
    """Use it up, in the transaction of what it was for, and every other of its address with it.

    So of several registrations of one address the first that is proven wins, and no code outlives a change of who
    owns the address. Raises WrongCode if it was used meanwhile.
    """
    if not await ctx.tx.run(queries.consume_verification, id=row.id):
        raise WrongCode("The code is wrong, used up or expired.", pointer="/code")
    await ctx.tx.run(queries.end_verifications_of_email, email_key=row.email_key)


async def _count_try(ctx: Context, id: VerificationId) -> Verification | None:
    most = ctx.settings(IdentitySettings).code_tries
    return await ctx.tx.maybe(queries.try_verification, verification_id=id, most=most)


async def _find(ctx: Context, id: VerificationId) -> Verification | None:
    return await ctx.tx.maybe(queries.find_verification, id=id)


def _is_code_of(ctx: Context, row: Verification, code: str) -> bool:
    if row.key_id not in ctx.runtime.keys.ids:  # the key was removed since
        return False
    return same(code_of(ctx.runtime.keys, row.id, row.key_id), code)
