"""Passkeys: adding, naming and removing one's own; and what a signature of one proves.

A passkey that verified its user, by a fingerprint or a PIN, proves two factors at once. One that did not is something
that the person has, and counts as a second factor beside another proof.
"""

from __future__ import annotations

import structlog

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.ids import new_id
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.types import AccountId
from septet.identity import tasks
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action, Outcome
from septet.identity.factors import challenges, passkey_queries, webauthn
from septet.identity.factors import queries as factor_queries
from septet.identity.factors.challenges import HOLDS_SECONDS
from septet.identity.factors.passkey_types import (
    NewPasskey,
    Passkey,
    PasskeyChallenge,
    PasskeyChanges,
    PasskeyId,
    PasskeyProof,
)
from septet.identity.factors.rows import Challenge, ChallengePurpose, PasskeyRow
from septet.identity.factors.strength import require_own_strength
from septet.identity.factors.webauthn import Registered, Unverifiable
from septet.identity.me import reachable_me
from septet.identity.passwords import refuse_short_alone
from septet.identity.problems import ShortPassword, TooManyPasskeys, WrongPasskey
from septet.identity.proven import Method, Proven
from septet.identity.tasks import Notice, NoticeMail

log = structlog.get_logger()

MOST_PASSKEYS = 20
_NOT_THAT = "This passkey did not answer this challenge."


@operation.post(
    "/v1/identity/me/passkeys/challenges",
    scope="identity:write",
    secret=True,
    proof=fresh(),
    limit=per_minute(10),
    raises=(TooManyPasskeys,),
)
async def begin_passkey(ctx: Context) -> PasskeyChallenge:
    """Begin to add a passkey: what to ask the browser for, by `navigator.credentials.create`."""
    await require_own_strength(ctx)
    account = await reachable_me(ctx)
    there = await ctx.tx.all(passkey_queries.passkeys_checked, account_id=account.id)
    if len(there) >= MOST_PASSKEYS:
        raise TooManyPasskeys(f"At most {MOST_PASSKEYS} passkeys.")
    token = await challenges.begin(ctx, ChallengePurpose.PASSKEY_REGISTRATION, account.id, Proven(()))
    name = account.name or account.email
    options = webauthn.registration_options(ctx.runtime, token, account.id, account.email, name, there)
    return PasskeyChallenge(token, options, HOLDS_SECONDS)


@operation.post(
    "/v1/identity/me/passkeys",
    scope="identity:write",
    steps=True,
    secret=True,
    proof=fresh(),
    limit=per_minute(10),
    raises=(WrongPasskey, TooManyPasskeys),
)
async def add_passkey(ctx: Context, body: NewPasskey) -> Passkey:
    """Add the passkey that the browser made for the challenge. Raises WrongPasskey."""
    challenge = await challenges.attempt(ctx, body.challenge, ChallengePurpose.PASSKEY_REGISTRATION)
    if challenge is None or challenge.account_id != ctx.actor.id:
        raise WrongPasskey("The challenge is used up or expired.", pointer="/challenge")
    try:
        registered = webauthn.check_registration(ctx.runtime, body.challenge, body.credential)
    except Unverifiable as error:
        log.info("a passkey was not added", why=str(error))
        raise WrongPasskey(_NOT_THAT, pointer="/credential") from None
    return await ctx.write(_add, challenge, registered, body.name)


@operation.get("/v1/identity/me/passkeys", scope="identity:read")
async def list_passkeys(ctx: Context) -> list[Passkey]:
    """Your passkeys, at most 20, oldest first."""
    return await ctx.tx.all(passkey_queries.passkeys_of, account_id=ctx.actor.id)


@operation.patch("/v1/identity/me/passkeys/{id}", scope="identity:write")
async def rename_passkey(ctx: Context, id: PasskeyId, body: PasskeyChanges) -> Passkey:
    """Call a passkey of yours something else. Raises NotFound."""
    values = {"passkey_id": id, "account_id": ctx.actor.id, "name": body.name}
    renamed = await ctx.tx.maybe(passkey_queries.rename_passkey, **values)
    if renamed is None:
        raise NotFound("You have no such passkey.")
    return renamed


@operation.delete("/v1/identity/me/passkeys/{id}", scope="identity:write", proof=fresh(), raises=(ShortPassword,))
async def remove_passkey(ctx: Context, id: PasskeyId) -> None:
    """Remove a passkey of yours: it signs in no more. Raises NotFound; ShortPassword as for an app."""
    await require_own_strength(ctx)
    account = ctx.actor.id
    if not await ctx.tx.run(passkey_queries.delete_passkey, passkey_id=id, account_id=account):
        raise NotFound("You have no such passkey.")
    await refuse_short_alone(ctx, account)
    factors = await ctx.tx.one(factor_queries.factors_of, account_id=account)
    if not (factors.totp or factors.passkey):
        await ctx.tx.run(factor_queries.delete_recovery_codes, account_id=account)
    await audit_log.record(ctx, Action.PASSKEY_REMOVE, about=account, target=str(id))
    ctx.enqueue(tasks.send_notice, NoticeMail(account, Notice.PASSKEY_REMOVED, ctx.now))


async def check(ctx: Context, proof: PasskeyProof, account: AccountId | None) -> tuple[PasskeyRow, Proven]:
    """Whose passkey signed the challenge, and what that proves; in steps. The challenge's own try is its caller's.

    `account` None: whoever's it is. Raises WrongPasskey; one whose count goes back was copied, and its owner is told
    (section 6.1.1).
    """
    try:
        credential_id = webauthn.credential_id_of(proof.credential)
        passkey = await ctx.read(_find, credential_id)
        if passkey is None or (account is not None and passkey.account_id != account):
            raise Unverifiable("nobody's passkey, or another's")
        signed = webauthn.check_signature(ctx.runtime, proof.challenge, proof.credential, passkey)
    except Unverifiable as error:
        log.info("a passkey was refused", why=str(error))
        raise WrongPasskey(_NOT_THAT, pointer="/credential") from None
    copied = signed.sign_count <= passkey.sign_count and (signed.sign_count, passkey.sign_count) != (0, 0)
    if copied or not await ctx.write_hot(_use, passkey, signed.sign_count, signed.backed_up):
        await ctx.write(_alarm, passkey)
        raise WrongPasskey(_NOT_THAT, pointer="/credential")
    methods = (Method.PASSKEY, Method.USER_VERIFIED) if signed.user_verified else (Method.PASSKEY,)
    return passkey, Proven(methods)


async def _find(ctx: Context, credential_id: bytes) -> PasskeyRow | None:
    return await ctx.tx.maybe(passkey_queries.find_by_credential, credential_id=credential_id)


async def _use(ctx: Context, passkey: PasskeyRow, count: int, backed_up: bool) -> bool:
    values = {"passkey_id": passkey.id, "before": passkey.sign_count, "after": count, "backed_up": backed_up}
    return await ctx.tx.run(passkey_queries.use_passkey, now=ctx.now, **values) > 0


async def _alarm(ctx: Context, passkey: PasskeyRow) -> None:
    await audit_log.record(
        ctx, Action.PASSKEY_COPIED, Outcome.REFUSED, about=passkey.account_id, target=str(passkey.id)
    )
    ctx.enqueue(tasks.send_notice, NoticeMail(passkey.account_id, Notice.PASSKEY_COPIED, ctx.now))


async def _add(ctx: Context, challenge: Challenge, registered: Registered, name: str) -> Passkey:
    await require_own_strength(ctx)
    if not await challenges.consume(ctx, challenge):
        raise WrongPasskey("The challenge is used up or expired.", pointer="/challenge")
    if len(await ctx.tx.all(passkey_queries.passkeys_of, account_id=ctx.actor.id)) >= MOST_PASSKEYS:
        raise TooManyPasskeys(f"At most {MOST_PASSKEYS} passkeys.")
    passkey = await ctx.tx.maybe(
        passkey_queries.insert_passkey,
        id=new_id(),
        account_id=ctx.actor.id,
        credential_id=registered.credential_id,
        public_key=registered.public_key,
        sign_count=registered.sign_count,
        transports=registered.transports,
        backed_up=registered.backed_up,
        name=name,
        created_at=ctx.now,
        used_at=None,
    )
    if passkey is None:  # section 7.1, step 26: a credential belongs to one account
        raise WrongPasskey("This passkey is known here already.", pointer="/credential")
    await audit_log.record(ctx, Action.PASSKEY_ADD, about=ctx.actor.id, target=str(passkey.id))
    ctx.enqueue(tasks.send_notice, NoticeMail(ctx.actor.id, Notice.PASSKEY_ADDED, ctx.now))
    return passkey
