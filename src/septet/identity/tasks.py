"""What identity does later: mails, sweeping, and erasing what other systems hold of a person who is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from septet.core.context import Context
from septet.core.database import Run
from septet.core.events import every, on, task
from septet.core.types import AccountId
from septet.identity import mails, queries
from septet.identity.addresses import key_of
from septet.identity.api_keys import queries as api_key_queries
from septet.identity.audit.chain import forget_before
from septet.identity.codes import code_of, link_token_of
from septet.identity.devices import queries as device_memory
from septet.identity.events import AccountDeleted
from septet.identity.factors import queries as factor_queries
from septet.identity.oauth import device_queries
from septet.identity.oauth import queries as oauth_queries
from septet.identity.organisations import queries as organisation_queries
from septet.identity.revocations import lifetime
from septet.identity.rows import Purpose, Verification
from septet.identity.settings import IdentitySettings
from septet.identity.types import DEFAULT_LOCALE, Account, VerificationId

_ROWS_A_SWEEP = 1000
_HOUR = timedelta(hours=1)


class VerificationMail(Struct):
    """Payloads name what a mail is about. Codes are derived when it is sent, and so are in no table."""

    verification_id: VerificationId


class Notice(StrEnum):
    """What an account's owner is told by mail because it may have been somebody else."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a template
    PASSWORD_RESET = "password_was_reset"  # noqa: S105
    EMAIL_CHANGING = "email_changing"
    EMAIL_CHANGED = "email_changed"
    TOKEN_THEFT = "token_theft"  # noqa: S105
    TOTP_ADDED = "totp_added"
    TOTP_REMOVED = "totp_removed"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    API_KEY_ADDED = "api_key_added"
    PROVIDER_LINKED = "provider_linked"
    PASSKEY_COPIED = "passkey_copied"
    NEW_DEVICE = "new_device"


class NoticeMail(Struct):
    account_id: AccountId
    notice: Notice
    at: datetime
    device: str = ""  # in our own words


class _Letter(Struct):
    """A mail that is to go out: its template, to whom, and the verification whose code it carries, if any."""

    template: str
    to: str
    locale: str
    carrying: Verification | None


@task(steps=True)
async def send_verification(ctx: Context, mail: VerificationMail) -> None:
    """Mail a code to who asked for it, or tell the owner of an address that somebody did.

    Only here is it looked up whether an address is known, so that no reply and no reply's time depends on it.
    """
    letter = await ctx.write(_letter_about, mail.verification_id)
    if letter is None:
        return
    values: dict[str, Any] = {}
    if letter.carrying is not None:
        id, key_id = letter.carrying.id, letter.carrying.key_id
        values["code"] = code_of(ctx.runtime.keys, id, key_id)
        values["link_token"] = f"{id}.{link_token_of(ctx.runtime.keys, id, key_id)}"
        values["minutes"] = ctx.settings(IdentitySettings).code_minutes
    await ctx.runtime.mail.send(mails.render(ctx.runtime, letter.template, letter.to, letter.locale, values))


@task(steps=True)
async def send_notice(ctx: Context, mail: NoticeMail) -> None:
    """Tell an account's owner what happened to it; nobody, if it is gone."""
    account = await ctx.read(_find_account, mail.account_id)
    if account is not None:
        values = {"at": mail.at.strftime("%Y-%m-%d %H:%M UTC"), "device": mail.device}
        await ctx.runtime.mail.send(mails.render(ctx.runtime, mail.notice.value, account.email, account.locale, values))


class InvitationMail(Struct):
    email: str


@task(steps=True)
async def send_invitation(ctx: Context, mail: InvitationMail) -> None:
    """Tell somebody that they were invited; in their own language, if they have an account."""
    owner = await ctx.read(_find_by_email, mail.email)
    locale = owner.locale if owner else DEFAULT_LOCALE
    await ctx.runtime.mail.send(mails.render(ctx.runtime, "invitation", mail.email, locale, {}))


@on(AccountDeleted)
async def erase_elsewhere(ctx: Context, event: AccountDeleted) -> None:
    """Have every other system erase what it holds. Identity's own went with the account."""
    await ctx.runtime.outbox.forget(ctx, str(event.account_id), but=AccountDeleted)
    for system in ctx.runtime.registry.systems:
        if system.erase_person is not None and system.name != "identity":
            await system.erase_person(ctx, event.account_id)


@every(timedelta(minutes=10))
async def sweep_expired(ctx: Context) -> None:
    """Delete what has expired."""
    settings = ctx.settings(IdentitySettings)
    await _sweep(ctx, queries.sweep_sessions, ctx.now)
    await _sweep(ctx, queries.sweep_revocations, ctx.now - 2 * lifetime(settings))
    await _sweep(ctx, queries.sweep_verifications, ctx.now - _HOUR)  # until then they count as mails of the hour
    await _sweep(ctx, factor_queries.sweep_challenges, ctx.now)
    await _sweep(ctx, oauth_queries.sweep_assertions, ctx.now)
    await _sweep(ctx, organisation_queries.sweep_invitations, ctx.now)
    await _sweep(ctx, device_memory.sweep_devices, ctx.now - device_memory.KNOWN_FOR)
    await _sweep(ctx, api_key_queries.sweep_api_keys, ctx.now - timedelta(days=30))  # until then it is seen why
    await _sweep(ctx, device_queries.sweep_devices, ctx.now - _HOUR)
    await _sweep(ctx, oauth_queries.sweep_codes, ctx.now - _HOUR)  # until then a copied one ends what it gave
    while await forget_before(ctx, ctx.now - timedelta(days=settings.audit_days)):
        pass


async def _sweep(ctx: Context, query: Run, before: datetime) -> None:
    while await ctx.tx.run(query, before=before, most=_ROWS_A_SWEEP) == _ROWS_A_SWEEP:
        pass


async def _letter_about(ctx: Context, id: VerificationId) -> _Letter | None:
    """The mail that a verification calls for; None for an address that gets none."""
    row = await ctx.tx.maybe(queries.find_verification, id=id)
    if row is None:
        return None
    sent = await ctx.tx.one(queries.mails_before, id=id, email_key=row.email_key, since=ctx.now - _HOUR)
    if sent.number >= ctx.settings(IdentitySettings).code_mails:
        return None
    owner = await ctx.tx.maybe(queries.find_account_by_email, email_key=row.email_key)
    asker = await _find_account(ctx, row.account_id) if row.account_id else None
    letter = _LETTERS[row.purpose](row, owner, row.locale or (asker.locale if asker else DEFAULT_LOCALE))
    if letter is not None and letter.carrying is not None:
        await ctx.tx.run(queries.mark_sent, verification_id=id, now=ctx.now)
    return letter


def _registration(row: Verification, owner: Account | None, locale: str) -> _Letter:
    if owner is not None:
        return _Letter("already_registered", owner.email, owner.locale, None)
    return _Letter("registration", row.email, locale, row)


def _password_reset(row: Verification, owner: Account | None, locale: str) -> _Letter | None:
    """To the address of the account as it is kept: the one typed may merely look like it."""
    return None if owner is None else _Letter("password_reset", owner.email, owner.locale, row)


def _sign_in(row: Verification, owner: Account | None, locale: str) -> _Letter | None:
    return None if owner is None else _Letter("sign_in", owner.email, owner.locale, row)


def _email_change(row: Verification, owner: Account | None, locale: str) -> _Letter:
    if owner is not None and owner.id != row.account_id:
        return _Letter("already_registered", owner.email, owner.locale, None)
    return _Letter("email_change", row.email, locale, row)


_LETTERS: Mapping[Purpose, Callable[[Verification, Account | None, str], _Letter | None]] = {
    Purpose.REGISTRATION: _registration,
    Purpose.PASSWORD_RESET: _password_reset,
    Purpose.EMAIL_CHANGE: _email_change,
    Purpose.SIGN_IN: _sign_in,
}


async def _find_account(ctx: Context, id: AccountId) -> Account | None:
    return await ctx.tx.maybe(queries.find_account, id=id)


async def _find_by_email(ctx: Context, email: str) -> Account | None:
    return await ctx.tx.maybe(queries.find_account_by_email, email_key=key_of(email))
