"""What second factors hold about a person: given out, and erased."""

from __future__ import annotations

from typing import Any

from septet.core.context import Context
from septet.core.types import AccountId
from septet.identity.factors import passkey_queries, queries


async def export_factors(ctx: Context, account_id: AccountId) -> dict[str, list[Any]]:
    """That they are there and since when; seeds and hashes would help only a thief."""
    return {
        "identity_totp": [*await ctx.tx.all(queries.totps_held, account_id=account_id)],
        "identity_recovery_code": [*await ctx.tx.all(queries.recovery_codes_held, account_id=account_id)],
        "identity_challenge": [*await ctx.tx.all(queries.challenges_held, account_id=account_id)],
    }


async def erase_factors(ctx: Context, account_id: AccountId) -> None:
    """Delete every second factor of the account, and every question that is open for one."""
    await ctx.tx.run(queries.end_challenges_of_account, account_id=account_id)
    await ctx.tx.run(queries.delete_totp, account_id=account_id)
    await ctx.tx.run(queries.delete_recovery_codes, account_id=account_id)
    await ctx.tx.run(passkey_queries.delete_passkeys, account_id=account_id)
