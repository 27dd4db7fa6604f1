"""Every query of second factors and challenges, by the table it is about."""

from __future__ import annotations

from sqlalchemy import Integer, LargeBinary, bindparam, delete, exists, func, select, update

from septet.core.columns import Id, Instant
from septet.core.database import many, maybe, one, run
from septet.core.sealing import SealedRow
from septet.identity.factors.rows import Challenge, ChallengeHeld, Factors, RecoveryCodeHeld, TotpHeld, TotpRow
from septet.identity.factors.tables import challenges, passkeys, recovery_codes, totps
from septet.identity.rows import Counted
from septet.identity.statements import delete_some, insert_row

# Challenges

_challenge = (
    challenges.c.id,
    challenges.c.purpose,
    challenges.c.account_id,
    challenges.c.methods,
    challenges.c.created_at,
    challenges.c.expires_at,
)

insert_challenge = run(insert_row(challenges))
# Counting a try and reading what it is about are one step, so no number of callers gets more tries.
try_challenge = maybe(
    update(challenges)
    .where(challenges.c.id == bindparam("challenge_id", type_=Id), challenges.c.tries < bindparam("most"))
    .values(tries=challenges.c.tries + 1)
    .returning(*_challenge),
    into=Challenge,
)
find_challenge = maybe(select(*_challenge).where(challenges.c.id == bindparam("id")), into=Challenge)
consume_challenge = run(delete(challenges).where(challenges.c.id == bindparam("id")))
end_challenges_of_account = run(delete(challenges).where(challenges.c.account_id == bindparam("account_id")))
challenges_held = many(
    select(challenges.c.purpose, challenges.c.created_at, challenges.c.expires_at).where(
        challenges.c.account_id == bindparam("account_id")
    ),
    into=ChallengeHeld,
)
sweep_challenges = run(delete_some(challenges, challenges.c.expires_at < bindparam("before")))

# Authenticator apps

_owner = bindparam("account_id", type_=Id)
_new_totp = insert_row(totps)

# One that was never confirmed gives way; one that was stays, and nothing comes back.
begin_totp = maybe(
    _new_totp.on_conflict_do_update(
        index_elements=["account_id"],
        set_={
            "sealed_seed": _new_totp.excluded.sealed_seed,
            "last_step": _new_totp.excluded.last_step,
            "created_at": _new_totp.excluded.created_at,
        },
        where=totps.c.confirmed_at.is_(None),
    ).returning(totps.c.sealed_seed, totps.c.confirmed_at, totps.c.last_step),
    into=TotpRow,
)
find_totp = maybe(
    select(totps.c.sealed_seed, totps.c.confirmed_at, totps.c.last_step).where(totps.c.account_id == _owner),
    into=TotpRow,
)
# Of several that present the same code, one finds its step still unused.
use_totp_step = run(
    update(totps)
    .where(totps.c.account_id == _owner, totps.c.last_step < bindparam("step", type_=totps.c.last_step.type))
    .values(
        last_step=bindparam("step", type_=totps.c.last_step.type), sealed_seed=bindparam("sealed", type_=LargeBinary)
    )
)
confirm_totp = run(
    update(totps)
    .where(totps.c.account_id == _owner, totps.c.confirmed_at.is_(None))
    .values(confirmed_at=bindparam("now", type_=Instant))
)
delete_totp = run(delete(totps).where(totps.c.account_id == _owner))
totps_held = many(select(totps.c.confirmed_at, totps.c.created_at).where(totps.c.account_id == _owner), into=TotpHeld)

sealed_seeds = many(
    select(totps.c.account_id.label("id"), totps.c.sealed_seed.label("sealed"))
    .where(totps.c.account_id > bindparam("after"))
    .order_by(totps.c.account_id)
    .limit(bindparam("most", type_=Integer)),
    into=SealedRow,
)
reseal_seed = run(
    update(totps)
    .where(totps.c.account_id == bindparam("row_id", type_=Id), totps.c.sealed_seed == bindparam("old"))
    .values(sealed_seed=bindparam("new"))
)

# Recovery codes

insert_recovery_code = run(insert_row(recovery_codes))
use_recovery_code = run(
    delete(recovery_codes).where(recovery_codes.c.account_id == _owner, recovery_codes.c.code_hash == bindparam("hash"))
)
delete_recovery_codes = run(delete(recovery_codes).where(recovery_codes.c.account_id == _owner))
recovery_codes_left = one(
    select(func.count().label("number")).where(recovery_codes.c.account_id == _owner), into=Counted
)
recovery_codes_held = many(
    select(recovery_codes.c.created_at).where(recovery_codes.c.account_id == _owner), into=RecoveryCodeHeld
)

# What an account has

factors_of = one(
    select(
        exists().where(totps.c.account_id == _owner, totps.c.confirmed_at.is_not(None)).label("totp"),
        exists().where(recovery_codes.c.account_id == _owner).label("recovery_code"),
        exists().where(passkeys.c.account_id == _owner).label("passkey"),
    ),
    into=Factors,
)
