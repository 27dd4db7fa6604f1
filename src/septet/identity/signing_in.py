"""Signing in: a first proof, a second one where the account has it, and the session that comes of them."""

from __future__ import annotations

from uuid import UUID

from septet.core.context import Context
from septet.core.limits import Limit, per_minute
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.addresses import Address, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.devices.devices import is_known
from septet.identity.entering import Entered, enter, reply_or_challenge
from septet.identity.hashing import hashing
from septet.identity.problems import AccountSuspended, InvalidCredentials, SecondFactorRequired
from septet.identity.proven import BY_PASSWORD
from septet.identity.rows import Holder, SessionKind
from septet.identity.types import Credentials, SessionReply

_NOBODY = AccountId(UUID(int=0))
_TOO_MANY = "Too many tries. Wait a little."
_TRIES_OF_AN_ACCOUNT = per_minute(10, name="account")
_TRIES_ELSEWHERE = Limit(60, 3600.0, name="elsewhere")  # from all places together that are not known


@operation.post(
    "/v1/identity/sessions",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(30, by="address"),
    raises=(InvalidCredentials, SecondFactorRequired, AccountSuspended),
)
async def sign_in(ctx: Context, body: Credentials) -> SessionReply:
    """Sign in with e-mail address and password.

    Raises InvalidCredentials, which takes as long for an unknown address as for a wrong password; and, only to who has
    the password, SecondFactorRequired with a challenge, AccountSuspended.
    """
    return reply_or_challenge(ctx, await check_password(ctx, body))


async def check_password(ctx: Context, body: Credentials, kind: SessionKind = SessionKind.TOKENS) -> Entered:
    """What comes of a password: a session, or a challenge. Raises InvalidCredentials, AccountSuspended, TooMany."""
    address = read_address(body.email)
    await ctx.spend_everywhere(_TRIES_OF_AN_ACCOUNT, "sign_in", address.hidden(ctx.client.address), refusal=_TOO_MANY)
    holder, known = await ctx.read(_find_holder, address)
    if not known:  # an account's own devices are not kept out by who guesses elsewhere
        await ctx.spend_everywhere(_TRIES_ELSEWHERE, "sign_in", address.hidden(), refusal=_TOO_MANY)
    matches = await hashing(ctx.runtime).matches(holder.password_hash if holder else None, body.password)
    if holder is None or not matches:
        await ctx.write_hot(audit_log.record, Action.SIGN_IN, Outcome.REFUSED, about=holder.id if holder else None)
        raise InvalidCredentials("E-mail address and password do not belong together.")
    new_hash = None
    if holder.password_hash is not None and hashing(ctx.runtime).is_outdated(holder.password_hash):
        new_hash = await hashing(ctx.runtime).hash(body.password)
    entered = await ctx.write(_sign_in, holder, new_hash, kind)
    if entered is None:
        raise InvalidCredentials("E-mail address and password do not belong together.")
    return entered


class Decoy:
    """Under this type, `runtime.memory` keeps the id of an account: it is read in place of one that is not there."""


async def _find_holder(ctx: Context, address: Address) -> tuple[Holder | None, bool]:
    """The account of an address, and whether the caller's device is known to it.

    For an address that has none another account is read and dropped, which takes as long.
    """
    memory = ctx.runtime.memory
    found = await ctx.tx.maybe(queries.find_id_by_email, email_key=address.key)
    if found is not None:
        memory[Decoy] = found.id
    holder = await ctx.tx.maybe(queries.find_holder, id=memory.get(Decoy, _NOBODY))
    if holder is None and (other := await ctx.tx.maybe(queries.any_account)) is not None:
        memory[Decoy] = other.id  # the decoy was deleted, or there was none yet
    known = await is_known(ctx, _NOBODY if found is None else AccountId(found.id))
    return (None, False) if found is None else (holder, known)


async def _sign_in(ctx: Context, checked: Holder, new_hash: str | None, kind: SessionKind) -> Entered | None:
    """Let them in, unless the password is no longer the one that was checked."""
    holder = await ctx.tx.maybe(queries.find_holder, id=checked.id)
    if holder is None or holder.password_hash != checked.password_hash:
        return None
    if new_hash is not None:
        values = {"account_id": holder.id, "old_hash": holder.password_hash, "new_hash": new_hash}
        await ctx.tx.run(queries.rehash_password, **values)
    return await enter(ctx, holder, BY_PASSWORD, kind)
