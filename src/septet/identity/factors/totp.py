"""Authenticator apps: time-based one-time passwords (TOTP, RFC 6238), of six digits and 30 seconds.

The seed is sealed with the server's keys, and sealed anew with the newest when it is next used. A code works once,
and a step early or late, for clocks differ (section 5.2).
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

import structlog

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.proofs import fresh
from septet.core.sealing import SealedColumn
from septet.core.types import AccountId
from septet.identity import tasks
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.factors import queries
from septet.identity.factors.recovery_codes import replace_codes
from septet.identity.factors.rows import TotpRow
from septet.identity.factors.strength import require_own_strength
from septet.identity.factors.types import RecoveryCodes, Totp, TotpProof, TotpSecret
from septet.identity.me import reachable_me
from septet.identity.passwords import refuse_short_alone
from septet.identity.problems import NoSecondFactor, ShortPassword, TotpExists, WrongCode
from septet.identity.tasks import Notice, NoticeMail

log = structlog.get_logger()

STEP_SECONDS = 30
_NEARBY = (0, -1, 1)  # steps by which clocks may differ
_PURPOSE = "identity.totp"


@operation.get("/v1/identity/me/totp", scope="identity:read")
async def read_totp(ctx: Context) -> Totp:
    """Whether you have an authenticator app set up."""
    row = await ctx.tx.maybe(queries.find_totp, account_id=ctx.actor.id)
    left = await ctx.tx.one(queries.recovery_codes_left, account_id=ctx.actor.id)
    return Totp(row.confirmed_at if row else None, left.number)


@operation.post("/v1/identity/me/totp", scope="identity:write", secret=True, proof=fresh(), raises=(TotpExists,))
async def begin_totp(ctx: Context) -> TotpSecret:
    """Begin to set up an authenticator app. It is asked for once you have confirmed it with a code, by PUT.

    Raises TotpExists if one is set up: remove it first.
    """
    import pyotp

    account = await reachable_me(ctx)
    seed = pyotp.random_base32()
    begun = await ctx.tx.maybe(
        queries.begin_totp,
        account_id=account.id,
        sealed_seed=_seal(ctx, account.id, seed),
        confirmed_at=None,
        last_step=0,
        created_at=ctx.now,
    )
    if begun is None:
        raise TotpExists("An authenticator app is set up already.")
    await require_own_strength(ctx)
    place = urlsplit(ctx.runtime.floor.base_url).hostname or "Septet"
    return TotpSecret(seed, pyotp.TOTP(seed).provisioning_uri(name=account.email, issuer_name=place))


@operation.put(
    "/v1/identity/me/totp",
    scope="identity:write",
    secret=True,
    proof=fresh(),
    limit=per_minute(10),
    raises=(WrongCode, TotpExists, NoSecondFactor),
)
async def confirm_totp(ctx: Context, body: TotpProof) -> RecoveryCodes:
    """Confirm that the app shows the right codes. From now on signing in asks for one.

    The reply holds recovery codes for when the app is lost. Raises WrongCode, and NoSecondFactor before POST.
    """
    account = ctx.actor.id
    row = await ctx.tx.maybe(queries.find_totp, account_id=account)
    if row is None:
        raise NoSecondFactor("Begin to set up an authenticator app first.")
    if row.confirmed_at is not None:
        raise TotpExists("An authenticator app is set up already.")
    if not await _use(ctx, account, row, body.code):
        raise WrongCode("The app shows another code. Is its clock right?", pointer="/code")
    await ctx.tx.run(queries.confirm_totp, account_id=account, now=ctx.now)
    await audit_log.record(ctx, Action.TOTP_ADD, about=account)
    ctx.enqueue(tasks.send_notice, NoticeMail(account, Notice.TOTP_ADDED, ctx.now))
    return RecoveryCodes(await replace_codes(ctx, account))


@operation.delete("/v1/identity/me/totp", scope="identity:write", proof=fresh(factors=2), raises=(ShortPassword,))
async def remove_totp(ctx: Context) -> None:
    """Remove the authenticator app. Recovery codes go with it unless there is a passkey that they stand in for.

    Raises ShortPassword if your password is too short to stand alone.
    """
    account = ctx.actor.id
    if not await ctx.tx.run(queries.delete_totp, account_id=account):
        return
    await refuse_short_alone(ctx, account)
    factors = await ctx.tx.one(queries.factors_of, account_id=account)
    if not factors.passkey:
        await ctx.tx.run(queries.delete_recovery_codes, account_id=account)
    await audit_log.record(ctx, Action.TOTP_REMOVE, about=account)
    ctx.enqueue(tasks.send_notice, NoticeMail(account, Notice.TOTP_REMOVED, ctx.now))


async def use_code(ctx: Context, account: AccountId, code: str) -> bool:
    """Use a code of the account's app up, in the open transaction; whether it was right, and new."""
    row = await ctx.tx.maybe(queries.find_totp, account_id=account)
    return row is not None and row.confirmed_at is not None and await _use(ctx, account, row, code)


async def _use(ctx: Context, account: AccountId, row: TotpRow, code: str) -> bool:
    try:
        seed = ctx.runtime.keys.unseal(_PURPOSE, row.sealed_seed, account.bytes).decode()
    except ValueError:
        log.warning("the seed of an authenticator app cannot be opened: was its key removed?", account=str(account))
        return False
    step = step_of(seed, code, int(ctx.now.timestamp()) // STEP_SECONDS)
    if step is None:
        return False
    sealed = _seal(ctx, account, seed)  # with the newest key
    return await ctx.tx.run(queries.use_totp_step, account_id=account, step=step, sealed=sealed) > 0


def step_of(seed: str, code: str, now: int) -> int | None:
    """The step, of those near `now`, that `code` belongs to. Every one is looked at, so the time tells nothing."""
    import pyotp

    codes = pyotp.TOTP(seed)
    found = None
    for offset in _NEARBY:
        if hmac.compare_digest(codes.at((now + offset) * STEP_SECONDS), code):
            found = now + offset
    return found


SEALED_SEEDS = SealedColumn("identity_totp", _PURPOSE, queries.sealed_seeds, queries.reseal_seed)


def _seal(ctx: Context, account: AccountId, seed: str) -> bytes:
    return ctx.runtime.keys.seal(_PURPOSE, seed.encode(), account.bytes)
