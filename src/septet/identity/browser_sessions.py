"""Sessions that live in a browser's cookie.

The cookie's value is derived from the session's row: its id, and when its owner last proved who they are. So it is
another one after every proof, and what a thief or a shared computer kept from before is void.
"""

from __future__ import annotations

import contextlib
import struct
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from septet.core.authentication import Verified
from septet.core.context import Actor, Context
from septet.core.errors import Unauthenticated, Unavailable
from septet.core.keys import Keyring
from septet.core.runtime import Runtime
from septet.core.types import SessionId
from septet.identity import derived, queries
from septet.identity.derived import Kind
from septet.identity.revocations import revoke
from septet.identity.roles import scope_of
from septet.identity.rows import Holder, SessionKind, SessionRow
from septet.identity.sessions import Opened, idle_until
from septet.identity.settings import IdentitySettings

_KIND = Kind("septet_bs_", "identity.browser-session")
_BODY = struct.Struct(">16sQ")  # session, microseconds since 1970 of its last proof
_HOLDS = 30.0  # seconds that a session is taken to be as it was found; its end is known within one
_HEARD_OF_AFTER = timedelta(minutes=5)  # no more than one write for so long of use


class Browsing(Struct, frozen=True):
    """A browser's session, and whose it is."""

    session: SessionRow
    holder: Holder


def cookie_of(keys: Keyring, session: SessionRow) -> str:
    """What the browser keeps for this session as it stands."""
    return derived.make(keys, _KIND, _BODY.pack(session.id.bytes, _proof_of(session)))


def cookie_seconds(ctx: Context) -> int:
    """How long a browser may keep it. The session may end long before."""
    return ctx.settings(IdentitySettings).refresh_absolute_days * 86_400


async def authenticate(runtime: Runtime, value: str) -> Verified:
    """Who a cookie speaks for. Raises Unauthenticated for one that holds no more."""
    body = derived.read(runtime.keys, _KIND, value)
    if body is None or len(body) != _BODY.size:
        raise Unauthenticated("This is no session.")
    id, proof = _BODY.unpack(body)
    ctx = runtime.context()
    found = await ctx.read(browsing, SessionId(UUID(bytes=id)))
    if found is None or _proof_of(found.session) != proof:
        raise Unauthenticated("This session has ended.")
    session = found.session
    if ctx.now - session.rotated_at > _HEARD_OF_AFTER:
        with contextlib.suppress(Unavailable):  # with a disk that is full, one may still read
            await ctx.write_hot(_hear_of, session)
    scopes = scope_of(runtime.registry, found.holder)
    actor = Actor(
        account=session.account_id,
        session=session.id,
        scopes=frozenset(scopes.split()),
        key=str(session.account_id),
        proven_at=session.proven_at.timestamp(),
        factors=session.factors,
    )
    return Verified(actor, min(session.expires_at.timestamp(), ctx.now.timestamp() + _HOLDS))


async def browsing(ctx: Context, id: SessionId) -> Browsing | None:
    """The browser's session of this id, in the open transaction, while it holds and its account is not suspended."""
    session = await ctx.tx.maybe(queries.find_session, id=id)
    if session is None or session.kind is not SessionKind.BROWSER or session.expires_at <= ctx.now:
        return None
    holder = await ctx.tx.maybe(queries.find_holder, id=session.account_id)
    return None if holder is None or holder.suspended_at is not None else Browsing(session, holder)


async def present(ctx: Context) -> Browsing | None:
    """The session that the caller's cookie names, as it stands now; a step of its own. None for any other caller."""
    return None if ctx.actor.session is None else await ctx.read(browsing, ctx.actor.session)


async def end(ctx: Context, session: SessionId) -> None:
    """End a browser's session, in the open transaction."""
    await revoke(ctx, await ctx.tx.all(queries.end_session, id=session))


def value_for(ctx: Context, opened: Opened) -> str:
    return cookie_of(ctx.runtime.keys, opened.session)


async def _hear_of(ctx: Context, session: SessionRow) -> None:
    until = idle_until(ctx.settings(IdentitySettings), ctx.now)
    await ctx.tx.run(queries.hear_of_session, session_id=session.id, now=ctx.now, idle_until=until)


def _proof_of(session: SessionRow) -> int:
    return round(session.proven_at.timestamp() * 1_000_000)
