"""Recovery codes: ten, shown once, each good for one sign-in without the app or the passkey.

A code has 78 random bits, so a plain hash of it is as good as none to whoever reads the table.
"""

from __future__ import annotations

import hashlib
import secrets

from septet.core.context import Context
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.types import AccountId
from septet.identity import tasks
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors import queries
from septet.identity.factors.types import RecoveryCodes
from septet.identity.problems import NoSecondFactor
from septet.identity.tasks import Notice, NoticeMail

_HOW_MANY = 10
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # none that is easily read for another
_LENGTH, _GROUP = 16, 4


@operation.post(
    "/v1/identity/me/recovery-codes",
    scope="identity:write",
    secret=True,
    proof=fresh(factors=2),
    raises=(NoSecondFactor,),
)
async def renew_recovery_codes(ctx: Context) -> RecoveryCodes:
    """Ten new recovery codes; those from before hold no more. Raises NoSecondFactor where they would be of no use."""
    factors = await ctx.tx.one(queries.factors_of, account_id=ctx.actor.id)
    if not (factors.totp or factors.passkey):
        raise NoSecondFactor("Set up a second factor first.")
    codes = await replace_codes(ctx, ctx.actor.id)
    await audit_log.record(ctx, Action.RECOVERY_CODES_RENEW, about=ctx.actor.id)
    ctx.enqueue(tasks.send_notice, NoticeMail(ctx.actor.id, Notice.RECOVERY_CODES_RENEWED, ctx.now))
    return RecoveryCodes(codes)


async def replace_codes(ctx: Context, account: AccountId) -> list[str]:
    """New codes in place of all from before, in the open transaction."""
    await ctx.tx.run(queries.delete_recovery_codes, account_id=account)
    codes = [_new_code() for _ in range(_HOW_MANY)]
    rows = [{"account_id": account, "code_hash": _hash_of(account, code), "created_at": ctx.now} for code in codes]
    await ctx.tx.run_many(queries.insert_recovery_code, rows)
    return codes


async def use_code(ctx: Context, account: AccountId, code: str) -> bool:
    """Use a code up in the open transaction; whether it was one. Its owner is told."""
    if not await ctx.tx.run(queries.use_recovery_code, account_id=account, hash=_hash_of(account, code)):
        return False
    await audit_log.record(ctx, Action.RECOVERY_CODE_USE, about=account)
    ctx.enqueue(tasks.send_notice, NoticeMail(account, Notice.RECOVERY_CODE_USED, ctx.now))
    return True


def _new_code() -> str:
    text = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def _hash_of(account: AccountId, code: str) -> bytes:
    """However it was typed: small letters, spaces, without the hyphens."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return hashlib.sha256(account.bytes + plain.encode()).digest()
