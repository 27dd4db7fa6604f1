"""The audit log: who did what, from where, and how it came out. Entries are only ever added.

They name accounts by id and hold no address, token or code of anybody. They go when their account is erased.
"""

from __future__ import annotations

from enum import StrEnum

from septet.core.context import Context
from septet.core.ids import new_id
from septet.core.types import AccountId
from septet.identity import queries


class Action(StrEnum):
    REGISTER = "register"
    SIGN_IN = "sign_in"
    SESSIONS_END = "sessions_end"
    TOKEN_THEFT = "token_theft"  # noqa: S105 - a word, no token
    PASSWORD_CHANGE = "password_change"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    EMAIL_CHANGE = "email_change"
    PROVE_ANEW = "prove_anew"
    TOTP_ADD = "totp_add"
    TOTP_REMOVE = "totp_remove"
    RECOVERY_CODES_RENEW = "recovery_codes_renew"
    RECOVERY_CODE_USE = "recovery_code_use"
    PASSKEY_ADD = "passkey_add"
    PASSKEY_REMOVE = "passkey_remove"
    PASSKEY_COPIED = "passkey_copied"
    ROLE_GRANT = "role_grant"
    ROLE_REVOKE = "role_revoke"
    API_KEY_ADD = "api_key_add"
    API_KEY_REMOVE = "api_key_remove"
    PROVIDER_LINK = "provider_link"
    PROVIDER_UNLINK = "provider_unlink"
    CLIENT_CREATE = "client_create"
    CLIENT_CHANGE = "client_change"
    CLIENT_DELETE = "client_delete"
    CONSENT_GIVE = "consent_give"
    CONSENT_TAKE_BACK = "consent_take_back"
    CODE_REPLAY = "code_replay"
    ACCOUNT_SUSPEND = "account_suspend"
    SUSPENSION_LIFT = "suspension_lift"
    ACCOUNT_DELETE = "account_delete"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


async def record(ctx: Context, action: Action, outcome: Outcome = Outcome.DONE, *, about: AccountId | None) -> None:
    """Add an entry in the open transaction. `about` is None where there is no such account."""
    await _add(ctx, action, outcome, about, ctx.actor.account, ctx.client.address)


async def record_erased(ctx: Context, action: Action) -> None:
    """Add an entry about someone who is being erased: that it happened, and nothing of whom."""
    await _add(ctx, action, Outcome.DONE, None, None, "")


async def _add(
    ctx: Context, action: Action, outcome: Outcome, about: AccountId | None, actor: AccountId | None, address: str
) -> None:
    await ctx.tx.run(
        queries.insert_audit,
        id=new_id(),
        created_at=ctx.now,
        action=action.value,
        outcome=outcome.value,
        account_id=about,
        actor_id=actor,
        address=address,
    )
