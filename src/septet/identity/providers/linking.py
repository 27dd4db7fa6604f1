"""Whose account here it is that somebody has elsewhere."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.ids import new_id
from septet.core.types import AccountId
from septet.identity import queries as identity_queries
from septet.identity import tasks
from septet.identity.addresses import Address, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.entering import Entered, enter
from septet.identity.ownership import prove_ownership
from septet.identity.problems import ProviderRefused
from septet.identity.proven import Method, Proven
from septet.identity.providers import queries
from septet.identity.providers.types import Told
from septet.identity.registrations import create_account
from septet.identity.rows import Holder, SessionKind
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.types import DEFAULT_LOCALE
from septet.identity.verifications import AccountToBe

_LONGEST_NAME = 100


async def enter_by(ctx: Context, told: Told) -> Entered:
    """Let somebody in whom the provider vouches for, in the open transaction. Raises ProviderRefused.

    The first time, by an e-mail address that the provider has verified: to the account here that has it, whose owner
    gets a mail, or to a new one. From then on by who they are there, whatever their address becomes.
    """
    owner = await ctx.tx.maybe(queries.find_owner, issuer=told.issuer, subject=told.subject)
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=owner.id) if owner else await _first_time(ctx, told)
    if holder is None:
        raise ProviderRefused("This account is gone. Begin again.")
    return await enter(ctx, holder, Proven((Method.PROVIDER,)), SessionKind.BROWSER)


async def _first_time(ctx: Context, told: Told) -> Holder | None:
    if told.email is None or not told.email_verified:
        raise ProviderRefused("The provider does not vouch for your e-mail address, so it cannot sign you in here.")
    try:
        address = read_address(told.email)
    except Invalid:
        raise ProviderRefused("The provider names no e-mail address that could be yours.") from None
    holder = await ctx.tx.maybe(identity_queries.find_holder_by_email, email_key=address.key)
    if holder is None:
        holder = await _new_account(ctx, address, told)
    else:
        holder = await prove_ownership(ctx, holder)
        ctx.enqueue(tasks.send_notice, NoticeMail(holder.id, Notice.PROVIDER_LINKED, ctx.now))
    if holder is not None:
        await _link(ctx, told, address, holder.id)
    return holder


async def _new_account(ctx: Context, address: Address, told: Told) -> Holder | None:
    name = "".join(letter for letter in told.name or "" if letter.isprintable())[:_LONGEST_NAME].strip() or None
    account = await create_account(ctx, address, AccountToBe(name, DEFAULT_LOCALE, None), verified=True)
    return await ctx.tx.maybe(identity_queries.find_holder, id=account.id) if account else None


async def _link(ctx: Context, told: Told, address: Address, account: AccountId) -> None:
    await ctx.tx.run(
        queries.insert_link,
        id=new_id(),
        issuer=told.issuer,
        subject=told.subject,
        account_id=account,
        email=address.text,
        linked_at=ctx.now,
    )
    await audit_log.record(ctx, Action.PROVIDER_LINK, about=account, target=told.issuer)
