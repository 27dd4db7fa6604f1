"""Every query of passkeys."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from septet.core.columns import Id, Instant, Text
from septet.core.database import many, maybe, run
from septet.identity.factors.passkey_types import Passkey
from septet.identity.factors.rows import PasskeyRow
from septet.identity.factors.tables import passkeys
from septet.identity.statements import insert_row

_shown = (
    passkeys.c.id,
    passkeys.c.name,
    passkeys.c.backed_up,
    passkeys.c.created_at,
    passkeys.c.used_at,
)
_checked = select(
    passkeys.c.id,
    passkeys.c.account_id,
    passkeys.c.credential_id,
    passkeys.c.public_key,
    passkeys.c.sign_count,
    passkeys.c.transports,
)
_owner = passkeys.c.account_id == bindparam("account_id", type_=Id)
_this = passkeys.c.id == bindparam("passkey_id", type_=Id)

insert_passkey = maybe(
    insert_row(passkeys).on_conflict_do_nothing(index_elements=["credential_id"]).returning(*_shown), into=Passkey
)
passkeys_of = many(select(*_shown).where(_owner).order_by(passkeys.c.id), into=Passkey)
passkeys_checked = many(_checked.where(_owner).order_by(passkeys.c.id), into=PasskeyRow)
find_by_credential = maybe(_checked.where(passkeys.c.credential_id == bindparam("credential_id")), into=PasskeyRow)
rename_passkey = maybe(
    update(passkeys).where(_this, _owner).values(name=bindparam("name", type_=Text)).returning(*_shown), into=Passkey
)
# A count that went on meanwhile is not taken back; zero stays zero (WebAuthn section 6.1.1).
use_passkey = run(
    update(passkeys)
    .where(_this, passkeys.c.sign_count == bindparam("before", type_=passkeys.c.sign_count.type))
    .values(
        sign_count=bindparam("after", type_=passkeys.c.sign_count.type),
        backed_up=bindparam("backed_up", type_=passkeys.c.backed_up.type),
        used_at=bindparam("now", type_=Instant),
    )
)
delete_passkey = run(delete(passkeys).where(_this, _owner))
delete_passkeys = run(delete(passkeys).where(_owner))
