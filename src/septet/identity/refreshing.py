"""Staying signed in: one refresh token for the next, each of which works once.

A session is one row, however often it is refreshed. Its refresh token carries a counter; a refresh moves the row's
counter on, which of many that present the same token only one can do. Tokens are derived from the row, so the caller
whose reply was lost gets the identical one again, for a few seconds. A counter from further back tells that the token
was copied: the session ends for all who hold it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.identity import queries, tasks
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.problems import InvalidRefreshToken
from septet.identity.revocations import revoke
from septet.identity.rows import SessionRow
from septet.identity.sessions import Opened, idle_until, reply
from septet.identity.settings import IdentitySettings
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.tokens import Presented, read_refresh_token
from septet.identity.types import RefreshToken, SessionReply


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
    opened = await ctx.write_hot(refresh, presented, ctx.now) if presented else None
    if opened is None or opened.session.client_id is not None:
        raise InvalidRefreshToken("The refresh token is used up, expired or not valid.")
    return reply(ctx, opened)


async def refresh(ctx: Context, presented: Presented, arrived: datetime) -> Opened | None:
    """Move the session on, or find it just moved by the same token; None where the token is of no use.

    It gives None rather than raise, because the end of a stolen session must be committed.
    """
    session = await ctx.tx.maybe(
        queries.rotate_session,
        session_id=presented.session,
        presented=presented.counter,
        now=arrived,
        idle_until=idle_until(ctx.settings(IdentitySettings), arrived),
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
        await audit_log.record(ctx, Action.TOKEN_THEFT, Outcome.REFUSED, about=session.account_id)
        ctx.enqueue(tasks.send_notice, NoticeMail(session.account_id, Notice.TOKEN_THEFT, ctx.now))
    return None
