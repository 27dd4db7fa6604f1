"""Who reads an account's mail owns it.

Where a server verifies no addresses, a stranger may have made the account, and wait in it for its true owner. The
first time that somebody proves to read its address, all that lets anybody else in goes: the password, second factors,
every session, API keys, and what applications were allowed.
"""

from __future__ import annotations

from septet.core.context import Context
from septet.identity import queries
from septet.identity.api_keys.own import remove_all
from septet.identity.devices import queries as device_memory
from septet.identity.factors.persons import erase_factors
from septet.identity.oauth.consents import forget_all
from septet.identity.providers import queries as provider_queries
from septet.identity.revocations import revoke
from septet.identity.rows import Holder


async def prove_ownership(ctx: Context, holder: Holder) -> Holder:
    """The account in its owner's hands, in the open transaction in which they proved to read its mail."""
    if holder.email_verified:
        return holder
    await erase_factors(ctx, holder.id)
    await remove_all(ctx, holder.id)
    await forget_all(ctx, holder.id)
    await ctx.tx.run(device_memory.forget_devices, account_id=holder.id)
    await ctx.tx.run(provider_queries.unlink_all, account_id=holder.id)
    await revoke(ctx, await ctx.tx.all(queries.end_all_sessions, account_id=holder.id))
    await ctx.tx.run(queries.take_over, account_id=holder.id)
    taken = await ctx.tx.maybe(queries.find_holder, id=holder.id)
    assert taken is not None  # it was read in this transaction
    return taken
