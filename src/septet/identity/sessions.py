"""Sessions: signing in, staying signed in, and signing out.

A session is one row, however often it is refreshed. Its refresh token carries a counter; a refresh moves the row's
counter on, which of many that present the same token only one can do. Tokens are derived from the row, so the caller
whose reply was lost gets the identical one again, for a few seconds. A counter from further back tells that the token
was copied: the session ends for all who hold it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.ids import new_id
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page, SessionId
from septet.identity import audit, queries, tasks
from septet.identity.addresses import Address, read_address
from septet.identity.audit import Action, Outcome
from septet.identity.hashing import hashing
from septet.identity.problems import InvalidCredentials, InvalidRefreshToken
from septet.identity.revocations import revoke
from septet.identity.roles import scope_of
from septet.identity.rows import Holder, SessionRow
from septet.identity.settings import IdentitySettings
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.tokens import Presented, access_token, read_refresh_token, refresh_token
from septet.identity.types import Credentials, RefreshToken, Session, SessionReply

_TRIES_OF_AN_ACCOUNT = per_minute(10, name="account")
_LONGEST_USER_AGENT = 256
_LONG_UNUSED = timedelta(hours=1)

SessionName = Annotated[str, Meta(min_length=1, max_length=36, description="A session's id, or `current`.")]


class Opened(Struct, frozen=True):
    """A session and whose it is: all that its tokens are derived from."""

    session: SessionRow
    holder: Holder


@operation.post(
    "/v1/identity/sessions",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(InvalidCredentials,),
)
async def sign_in(ctx: Context, body: Credentials) -> SessionReply:
    """Sign in with e-mail address and password.

    Raises InvalidCredentials, which takes as long for an unknown address as for a wrong password.
    """
    address = read_address(body.email)
    place = _account_and_place(ctx, address)
    await ctx.spend_everywhere(_TRIES_OF_AN_ACCOUNT, "sign_in", place, refusal="Too many tries. Wait a little.")
    holder = await ctx.read(_find_holder, address)
    matches = await hashing(ctx.runtime).matches(holder.password_hash if holder else None, body.password)
    if holder is None or not matches:
        await ctx.write_hot(audit.record, Action.SIGN_IN, Outcome.REFUSED, about=holder.id if holder else None)
        raise InvalidCredentials("E-mail address and password do not belong together.")
    new_hash = None
    if hashing(ctx.runtime).is_outdated(holder.password_hash):
        new_hash = await hashing(ctx.runtime).hash(body.password)
    opened = await ctx.write(_sign_in, holder, new_hash)
    if opened is None:
        raise InvalidCredentials("E-mail address and password do not belong together.")
    return reply(ctx, opened)


@operation.post(
    "/v1/identity/sessions/refresh",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(600, by="address"),
    raises=(InvalidRefreshToken,),
    status=200,
)
async def refresh_session(ctx: Context, body: RefreshToken) -> SessionReply:
    """Exchange a refresh token for new tokens; it works once.

    If the reply is lost, the same token gets the same reply for another 10 seconds. Used later, it was copied: the
    session ends, and the account's owner gets a mail. Raises InvalidRefreshToken.
    """
    presented = read_refresh_token(ctx.runtime.keys, body.refresh_token)
    opened = await ctx.write_hot(_refresh, presented, ctx.now) if presented else None
    if opened is None:
        raise InvalidRefreshToken("The refresh token is used up, expired or not valid.")
    return reply(ctx, opened)


@operation.get("/v1/identity/sessions", scope="identity:read", agent=True)
async def list_sessions(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Session]:
    """Your sessions, newest first: where you are signed in."""
    seen = await page(ctx, queries.sessions_seen, limit, cursor, account_id=ctx.actor.id)
    items = [
        Session(row.id, row.created_at, row.rotated_at, row.address, row.user_agent, row.id == ctx.actor.session)
        for row in seen.items
    ]
    return seen.showing(items)


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
    await audit.record(ctx, Action.SESSIONS_END, about=ctx.actor.id)


@operation.delete("/v1/identity/sessions", scope="identity:write")
async def sign_out_everywhere(ctx: Context, others: bool = False) -> None:
    """End all of your sessions, this one included; with `others`, all but this one."""
    if others:
        ended = await ctx.tx.all(queries.end_other_sessions, account_id=ctx.actor.id, kept=ctx.actor.session)
    else:
        ended = await ctx.tx.all(queries.end_all_sessions, account_id=ctx.actor.id)
    await revoke(ctx, ended)
    await audit.record(ctx, Action.SESSIONS_END, about=ctx.actor.id)


async def open_session(ctx: Context, account: AccountId) -> Opened:
    """A new session of an account, in the open transaction. Of those long unused, the oldest may end for it."""
    settings = ctx.settings(IdentitySettings)
    final_at = ctx.now + timedelta(days=settings.refresh_absolute_days)
    row = await ctx.tx.one(
        queries.insert_session,
        id=new_id(),
        account_id=account,
        counter=0,
        created_at=ctx.now,
        rotated_at=ctx.now,
        expires_at=min(final_at, _idle_until(settings, ctx.now)),
        final_at=final_at,
        address=ctx.client.address,
        user_agent=ctx.client.user_agent[:_LONGEST_USER_AGENT].replace("\0", ""),
    )
    unused = {"account_id": account, "unused_since": ctx.now - _LONG_UNUSED, "most": settings.sessions_most}
    await revoke(ctx, await ctx.tx.all(queries.end_oldest_sessions, **unused))
    holder = await ctx.tx.maybe(queries.find_holder, id=account)
    assert holder is not None  # its row is the session's foreign key
    await audit.record(ctx, Action.SIGN_IN, about=account)
    return Opened(row, holder)


def reply(ctx: Context, opened: Opened) -> SessionReply:
    """The session's present tokens: the same whenever they are asked for between two refreshes."""
    session, holder = opened.session, opened.holder
    lifetime = timedelta(minutes=ctx.settings(IdentitySettings).access_minutes)
    scope = scope_of(ctx.runtime.registry, administrator=holder.administrator)
    return SessionReply(
        access_token=access_token(
            ctx.runtime,
            account=holder.id,
            session=session.id,
            counter=session.counter,
            scope=scope,
            made_at=session.rotated_at,
            lifetime=lifetime,
        ),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(lifetime.total_seconds()),
        refresh_token=refresh_token(ctx.runtime.keys, session.id, session.counter),
        refresh_expires_in=int((session.expires_at - session.rotated_at).total_seconds()),
        scope=scope,
        session_id=session.id,
        account=holder.account,
    )


async def _find_holder(ctx: Context, address: Address) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder_by_email, email_key=address.key)


async def _sign_in(ctx: Context, checked: Holder, new_hash: str | None) -> Opened | None:
    """Open a session, unless the password is no longer the one that was checked."""
    holder = await ctx.tx.maybe(queries.find_holder, id=checked.id)
    if holder is None or holder.password_hash != checked.password_hash:
        return None
    if new_hash is not None:
        values = {"account_id": holder.id, "old_hash": holder.password_hash, "new_hash": new_hash}
        await ctx.tx.run(queries.replace_password, **values)
    return await open_session(ctx, holder.id)


async def _refresh(ctx: Context, presented: Presented, arrived: datetime) -> Opened | None:
    """Move the session on, or find it just moved by the same token; None where the token is of no use.

    It gives None rather than raise, because the end of a stolen session must be committed.
    """
    session = await ctx.tx.maybe(
        queries.rotate_session,
        session_id=presented.session,
        presented=presented.counter,
        now=arrived,
        idle_until=_idle_until(ctx.settings(IdentitySettings), arrived),
    )
    if session is None:
        session = await _just_moved(ctx, presented, arrived)
    if session is None:
        return None
    holder = await ctx.tx.maybe(queries.find_holder, id=session.account_id)
    return Opened(session, holder) if holder else None


async def _just_moved(ctx: Context, presented: Presented, arrived: datetime) -> SessionRow | None:
    """The session, if its last refresh was by this token a moment ago. A token from further back ends it."""
    session = await ctx.tx.maybe(queries.find_session, id=presented.session)
    if session is None or presented.counter >= session.counter:
        return None  # ended; or expired; or the database was restored to before this token was made
    grace = timedelta(seconds=ctx.settings(IdentitySettings).refresh_grace_seconds)
    if presented.counter == session.counter - 1 and arrived - session.rotated_at <= grace:
        return session
    ended = await ctx.tx.all(queries.end_session, id=session.id)
    if ended:  # by this call, and not by another that presents the token at the same moment
        await revoke(ctx, ended)
        await audit.record(ctx, Action.TOKEN_THEFT, Outcome.REFUSED, about=session.account_id)
        ctx.enqueue(tasks.send_notice, NoticeMail(session.account_id, Notice.TOKEN_THEFT, ctx.now))
    return None


def _idle_until(settings: IdentitySettings, now: datetime) -> datetime:
    return now + timedelta(days=settings.refresh_idle_days)


def _account_and_place(ctx: Context, address: Address) -> str:
    """Tells one account as tried from one place, without keeping the address in memory."""
    return hashlib.sha256(f"{address.key}\0{ctx.client.address}".encode()).hexdigest()[:32]


def _read_id(text: str) -> SessionId:
    try:
        return SessionId(UUID(text))
    except ValueError:
        raise NotFound("You have no such session.") from None
