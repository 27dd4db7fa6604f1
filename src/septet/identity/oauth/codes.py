"""Authorization codes: given to a client through the person's browser, and exchanged for tokens once, in a minute.

A code is its row's id with a MAC. It is bound to the client, to where the person was sent back, and to a secret of
the client's that never passed the browser (PKCE, RFC 7636).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from uuid import UUID

from septet.core.context import Context
from septet.core.ids import new_id
from septet.core.types import SessionId
from septet.identity import derived
from septet.identity import queries as identity_queries
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.derived import Kind
from septet.identity.oauth import queries
from septet.identity.oauth.errors import invalid_grant
from septet.identity.oauth.rows import ClientRow, CodeRow
from septet.identity.proven import read_proven
from septet.identity.revocations import revoke
from septet.identity.rows import SessionRow
from septet.identity.sessions import Grant, Opened, open_session

HOLDS = timedelta(seconds=60)
_KIND = Kind("septet_ac_", "identity.authorization-code")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z", re.ASCII)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)


async def give(
    ctx: Context,
    client: ClientRow,
    session: SessionRow,
    *,
    redirect_uri: str,
    scope: str,
    nonce: str | None,
    challenge: str,
) -> str:
    """A code for what the person of this browser's session let the client do, in the open transaction."""
    id = new_id()
    await ctx.tx.run(
        queries.insert_code,
        id=id,
        client_id=client.id,
        account_id=session.account_id,
        redirect_uri=redirect_uri,
        scope=scope,
        nonce=nonce,
        code_challenge=challenge,
        browser_session_id=session.id,
        proven_at=session.proven_at,
        methods=session.methods,
        session_id=None,
        created_at=ctx.now,
        expires_at=ctx.now + HOLDS,
    )
    return derived.make(ctx.runtime.keys, _KIND, id.bytes)


async def exchange(
    ctx: Context, client: ClientRow, code: str, redirect_uri: str, verifier: str
) -> tuple[Opened, CodeRow]:
    """The client's session that a code gives; a step of its own. Raises OAuthError.

    A code that comes again was copied: the session that it gave ends (RFC 6749 section 4.1.2).
    """
    body = derived.read(ctx.runtime.keys, _KIND, code)
    if body is None or len(body) != 16 or not _VERIFIER.match(verifier):
        raise invalid_grant()
    given = await ctx.write(_exchange, client, UUID(bytes=body), redirect_uri, verifier)
    if given is None:
        raise invalid_grant()
    return given


async def _exchange(
    ctx: Context, client: ClientRow, id: UUID, redirect_uri: str, verifier: str
) -> tuple[Opened, CodeRow] | None:
    """It gives None rather than raise, because the end of a copied code's session must be committed."""
    code = await ctx.tx.maybe(queries.find_code, id=id)
    if code is None or code.client_id != client.id:
        return None
    if code.session_id is not None:
        await _end_copied(ctx, code, code.session_id)
        return None
    genuine = hmac.compare_digest(challenge_of(verifier), code.code_challenge)
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=code.account_id)
    if not genuine or code.redirect_uri != redirect_uri or code.expires_at <= ctx.now:
        return None
    if holder is None or holder.suspended_at is not None:
        return None
    grant = Grant(client.id, code.scope, code.proven_at)
    opened = await open_session(ctx, code.account_id, read_proven(code.methods), grant=grant)
    if not await ctx.tx.run(queries.use_code, code_id=code.id, session=opened.session.id):
        raise invalid_grant()  # used meanwhile; this session is undone
    return opened, code


def challenge_of(verifier: str) -> str:
    """S256, the only method here (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def _end_copied(ctx: Context, code: CodeRow, session: SessionId) -> None:
    ended = await ctx.tx.all(identity_queries.end_session, id=session)
    if ended:
        await revoke(ctx, ended)
        await audit_log.record(ctx, Action.CODE_REPLAY, Outcome.REFUSED, about=code.account_id)
