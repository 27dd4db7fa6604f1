"""All that identity holds about a person: given out, and erased."""

from __future__ import annotations

from typing import Any

import msgspec

from septet.core.context import Context
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.addresses import key_of
from septet.identity.api_keys import queries as api_key_queries
from septet.identity.api_keys.own import remove_all
from septet.identity.audit import queries as audit_queries
from septet.identity.audit.reading import records_of
from septet.identity.devices import queries as device_memory
from septet.identity.factors import passkey_queries
from septet.identity.factors.persons import erase_factors, export_factors
from septet.identity.oauth import device_queries
from septet.identity.oauth import queries as oauth_queries
from septet.identity.oauth.consents import forget_all
from septet.identity.organisations.persons import erase_memberships, export_memberships
from septet.identity.providers import queries as provider_queries
from septet.identity.revocations import revoke
from septet.identity.types import Account


async def export_person(ctx: Context, account_id: AccountId) -> dict[str, Any]:
    """Every row about the account, by table, but for the hash of its password, which would help only a thief."""
    account = await ctx.tx.maybe(queries.find_account, id=account_id)
    if account is None:
        return {}
    held = {
        "identity_account": [account],
        "identity_role_grant": await ctx.tx.all(queries.roles_of, account_id=account_id),
        "identity_session": await ctx.tx.all(queries.sessions_held, account_id=account_id),
        **await export_factors(ctx, account_id),
        "identity_api_key": [row.shown for row in await ctx.tx.all(api_key_queries.api_keys_of, account_id=account_id)],
        "identity_provider_account": await ctx.tx.all(provider_queries.links_of, account_id=account_id),
        "identity_authorization_code": await ctx.tx.all(oauth_queries.codes_of, account_id=account_id),
        "identity_device_code": await ctx.tx.all(device_queries.devices_of, account_id=account_id),
        "identity_consent": await ctx.tx.all(oauth_queries.consents_of, account_id=account_id),
        "identity_client": await ctx.tx.all(oauth_queries.clients_made_by, account_id=account_id),
        "identity_passkey": await ctx.tx.all(passkey_queries.passkeys_of, account_id=account_id),
        "identity_device": await ctx.tx.all(device_memory.devices_of, account_id=account_id),
        **await export_memberships(ctx, account),
        "identity_verification": await _verifications_of(ctx, account),
        "identity_audit_entry": await records_of(ctx, account_id),
    }
    exported: dict[str, Any] = msgspec.to_builtins(held)
    return exported


async def erase_person(ctx: Context, account_id: AccountId) -> None:
    """Delete every row about the account. What the audit log tells of it can be read no more."""
    account = await ctx.tx.maybe(queries.find_account, id=account_id)
    if account is None:
        return
    await revoke(ctx, await ctx.tx.all(queries.end_all_sessions, account_id=account_id))
    await ctx.tx.run(queries.end_verifications_of_account, account_id=account_id)
    await ctx.tx.run(queries.end_verifications_of_email, email_key=key_of(account.email))
    await erase_factors(ctx, account_id)
    await remove_all(ctx, account_id)
    await forget_all(ctx, account_id)
    await ctx.tx.run(provider_queries.unlink_all, account_id=account_id)
    await erase_memberships(ctx, account)
    await ctx.tx.run(device_memory.forget_devices, account_id=account_id)
    await ctx.tx.run(oauth_queries.forget_maker, account_id=account_id)
    await ctx.tx.run(queries.revoke_all_roles, account_id=account_id)
    await ctx.tx.run(audit_queries.delete_key, account_id=account_id)
    await ctx.tx.run(queries.delete_account, id=account_id)


async def _verifications_of(ctx: Context, account: Account) -> list[Any]:
    """Those of the account, and those of its address, without counting any twice."""
    of_email = await ctx.tx.all(queries.verifications_of_email, email_key=key_of(account.email))
    of_account = await ctx.tx.all(queries.verifications_of_account, account_id=account.id)
    return list({row.id: row for row in (*of_email, *of_account)}.values())
