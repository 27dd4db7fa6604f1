"""Every query of second factors and challenges, by the table it is about."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from septet.core.columns import Id
from septet.core.database import maybe, run
from septet.identity.factors.rows import Challenge
from septet.identity.factors.tables import challenges
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
sweep_challenges = run(delete_some(challenges, challenges.c.expires_at < bindparam("before")))
