"""What cannot be taken back is asked of both factors, where an account has two.

`fresh()` asks everybody alike for a proof of the last minutes. Whoever knows the password alone must not get by with
it where the account has a second factor: not by an old session, and not by one that was proven anew.
"""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import ProofRequired
from septet.core.proofs import fresh
from septet.identity.factors import queries


async def require_own_strength(ctx: Context) -> None:
    """Raise ProofRequired in the open transaction if the caller has a second factor and did not prove it."""
    if ctx.actor.factors > 1:
        return
    factors = await ctx.tx.one(queries.factors_of, account_id=ctx.actor.id)
    if factors.totp or factors.passkey:
        raise ProofRequired(fresh(factors=2))
