"""Sessions that ended: known to this process at once, and to every other within a second.

Access tokens are verified without the database, so a session's end must reach whoever verifies. It is written down
until the session's last access token has expired by itself, and every process looks for what is new twice a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from septet.core.context import Context
from septet.core.runtime import Runtime
from septet.core.types import SessionId
from septet.identity import queries
from septet.identity.rows import Found, Revocation
from septet.identity.settings import IdentitySettings

LOOK_SECONDS = 0.5
_SLACK = timedelta(seconds=30)  # by which clocks of processes may differ, and commits come late


class LastLook:
    """Under this type, `runtime.memory` keeps the moment of the last look that succeeded."""


def lifetime(settings: IdentitySettings) -> timedelta:
    """How long an ended session must be remembered."""
    return timedelta(minutes=settings.access_minutes) + _SLACK


async def revoke(ctx: Context, ended: Sequence[Found]) -> None:
    """Refuse the access tokens of sessions that were just deleted in the open transaction."""
    if not ended:
        return
    until = ctx.now + lifetime(ctx.settings(IdentitySettings))
    ids = [SessionId(session.id) for session in ended]
    await ctx.tx.run_many(
        queries.insert_revocation, [{"session_id": id, "created_at": ctx.now, "until": until} for id in ids]
    )
    ctx.on_commit(lambda: ctx.runtime.authentication.end(ids, until.timestamp()))


async def look(runtime: Runtime) -> None:
    """Learn which sessions ended elsewhere since the last look; at start, of all that still matter."""
    ctx = runtime.context()
    last: datetime | None = runtime.memory.get(LastLook)
    since = (last or ctx.now - lifetime(runtime.settings_of(IdentitySettings))) - _SLACK

    async def newly_ended() -> list[Revocation]:
        return await ctx.tx.all(queries.revocations_since, since=since)

    for revocation in await runtime.read(ctx, newly_ended):
        runtime.authentication.end([revocation.session_id], revocation.until.timestamp())
    runtime.memory[LastLook] = ctx.now
