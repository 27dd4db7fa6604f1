"""Writing the audit log. Entries are only ever added; no token, code or password is in them."""

from __future__ import annotations

from uuid import UUID

from septet.core.context import NOWHERE, Client, Context
from septet.core.ids import new_id
from septet.core.types import AccountId
from septet.identity.audit import queries
from septet.identity.audit.actions import Action, Outcome
from septet.identity.audit.rows import Details, Key
from septet.identity.audit.sealing import NOBODY, key_of, seal


async def record(
    ctx: Context, action: Action, outcome: Outcome = Outcome.DONE, *, about: AccountId | None, target: str = ""
) -> None:
    """Add an entry in the open transaction.

    about: the account that it happened to, None where there is no such account.
    target: which of its things it was done to, or by which: the id of a key, a client, or the name of a role.
    """
    about_key = await key_of(ctx, about)
    actor = ctx.actor.account
    actor_key = None if actor is None else about_key if actor == about else await key_of(ctx, actor)
    await _add(ctx, action, outcome, about_key, actor_key, ctx.client, target)


async def record_erased(ctx: Context, action: Action) -> None:
    """Add an entry about someone who is being erased: that it happened, and nothing of whom."""
    await _add(ctx, action, Outcome.DONE, await key_of(ctx, None), None, NOWHERE, "")


async def _add(
    ctx: Context, action: Action, outcome: Outcome, about: Key, actor: Key | None, client: Client, target: str
) -> None:
    """Sealed for who did it: where they were is their business, and no longer anybody's when they are erased."""
    id, actor_id = new_id(), _named(actor)
    plain = [id, ctx.now, action.value, outcome.value, _named(about), actor_id]
    details = Details(client.address, client.user_agent, target)
    await ctx.tx.run(
        queries.insert_entry,
        id=id,
        number=None,
        created_at=ctx.now,
        action=action.value,
        outcome=outcome.value,
        about_key=_named(about),
        actor_key=actor_id,
        sealed_details=seal(ctx.runtime.keys, about if actor is None else actor, plain, details),
        hash=None,
    )


def _named(key: Key | None) -> UUID | None:
    return None if key is None or key.account_id == NOBODY else key.id
