"""Sessions: opening one, the tokens that come of it, seeing where one is signed in, and signing out.

A session is one row; what carries it is derived from that row and the server's keys, so nothing that lets anybody in
is stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.ids import new_id
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page, SessionId
from septet.identity import queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.devices.names import name_of
from septet.identity.proven import Proven
from septet.identity.revocations import revoke
from septet.identity.roles import scope_of
from septet.identity.rows import Holder, SessionKind, SessionRow, SessionSeen
from septet.identity.settings import IdentitySettings
from septet.identity.tokens import access_token, refresh_token
from septet.identity.types import Session, SessionChanges, SessionReply

_LONGEST_USER_AGENT = 256
_LONG_UNUSED = timedelta(hours=1)

SessionName = Annotated[str, Meta(min_length=1, max_length=36, description="A session's id, or `current`.")]


class Grant(Struct, frozen=True):
    """What an account's owner let an OAuth client do, and when they last proved who they are."""

    client_id: UUID
    scope: str
    proven_at: datetime


class Opened(Struct, frozen=True):
    """A session and whose it is: all that its tokens are derived from."""

    session: SessionRow
    holder: Holder


@operation.get("/v1/identity/sessions", scope="identity:read", agent=True)
async def list_sessions(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Session]:
    """Your sessions, newest first: where you are signed in."""
    seen = await page(ctx, queries.sessions_seen, limit, cursor, account_id=ctx.actor.id)
    items = [_shown(ctx, row) for row in seen.items]
    return seen.showing(items)


@operation.patch("/v1/identity/sessions/{id}", scope="identity:write")
async def name_session(ctx: Context, id: SessionId, body: SessionChanges) -> Session:
    """Call one of your sessions something; null takes the name away. Raises NotFound."""
    named = await ctx.tx.maybe(queries.name_session, session_id=id, owner=ctx.actor.id, new_name=body.name)
    if named is None:
        raise NotFound("You have no such session.")
    return _shown(ctx, named)


@operation.delete("/v1/identity/sessions/{id}", scope="identity:write")
async def sign_out(ctx: Context, id: SessionName) -> None:
    """End one of your sessions: `current`, or one by its id. Its tokens stop working within a second.

    Raises NotFound for an id that is none of your sessions'.
    """
    session = ctx.actor.session if id == "current" else _read_id(id)
    ended = await ctx.tx.all(queries.end_session_of, id=session, account_id=ctx.actor.id)
    if not ended:
        raise NotFound("You have no such session.")
    await revoke(ctx, ended)
    await audit_log.record(ctx, Action.SESSIONS_END, about=ctx.actor.id, target=str(session))


@operation.delete("/v1/identity/sessions", scope="identity:write")
async def sign_out_everywhere(ctx: Context, others: bool = False) -> None:
    """End all of your sessions, this one included; with `others`, all but this one."""
    if others:
        ended = await ctx.tx.all(queries.end_other_sessions, account_id=ctx.actor.id, kept=ctx.actor.session)
    else:
        ended = await ctx.tx.all(queries.end_all_sessions, account_id=ctx.actor.id)
    await revoke(ctx, ended)
    await audit_log.record(ctx, Action.SESSIONS_END, about=ctx.actor.id)


async def open_session(
    ctx: Context, account: AccountId, proven: Proven, kind: SessionKind = SessionKind.TOKENS, grant: Grant | None = None
) -> Opened:
    """A new session of an account, in the open transaction. Of those long unused, the oldest may end for it.

    grant: what an OAuth client was granted, with the proof that the account's owner gave when they did so.
    """
    settings = ctx.settings(IdentitySettings)
    final_at = ctx.now + timedelta(days=settings.refresh_absolute_days)
    row = await ctx.tx.one(
        queries.insert_session,
        id=new_id(),
        account_id=account,
        counter=0,
        created_at=ctx.now,
        rotated_at=ctx.now,
        expires_at=min(final_at, idle_until(settings, ctx.now)),
        final_at=final_at,
        address=ctx.client.address,
        user_agent=ctx.client.user_agent[:_LONGEST_USER_AGENT].replace("\0", ""),
        client_id=grant and grant.client_id,
        scope=grant and grant.scope,
        proven_at=grant.proven_at if grant else ctx.now,
        factors=proven.factors,
        methods=proven.joined(),
        name=None,
        kind=kind.value,
    )
    unused = {"account_id": account, "unused_since": ctx.now - _LONG_UNUSED, "most": settings.sessions_most}
    await revoke(ctx, await ctx.tx.all(queries.end_oldest_sessions, **unused))
    holder = await ctx.tx.maybe(queries.find_holder, id=account)
    assert holder is not None  # its row is the session's foreign key
    await audit_log.record(ctx, Action.SIGN_IN, about=account, target=str(row.id))
    return Opened(row, holder)


def reply(ctx: Context, opened: Opened) -> SessionReply:
    """The session's present tokens: the same whenever they are asked for between two refreshes."""
    session, holder = opened.session, opened.holder
    lifetime = timedelta(minutes=ctx.settings(IdentitySettings).access_minutes)
    scope = scope_of(ctx.runtime.registry, holder)
    return SessionReply(
        access_token=access_token(ctx.runtime, session, scope, lifetime),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(lifetime.total_seconds()),
        refresh_token=refresh_token(ctx.runtime.keys, session.id, session.counter),
        refresh_expires_in=int((session.expires_at - session.rotated_at).total_seconds()),
        scope=scope,
        session_id=session.id,
        account=holder.account,
    )


def idle_until(settings: IdentitySettings, now: datetime) -> datetime:
    return now + timedelta(days=settings.refresh_idle_days)


def _shown(ctx: Context, row: SessionSeen) -> Session:
    return Session(
        id=row.id,
        name=row.name,
        device=name_of(row.user_agent),
        created_at=row.created_at,
        last_seen_at=row.rotated_at,
        address=row.address,
        user_agent=row.user_agent,
        current=row.id == ctx.actor.session,
    )


def _read_id(text: str) -> SessionId:
    try:
        return SessionId(UUID(text))
    except ValueError:
        raise NotFound("You have no such session.") from None
