"""Every query about devices that wait for a person."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from septet.core.columns import Id, Instant, Text
from septet.core.database import many, maybe, run
from septet.identity.oauth.rows import DeviceRow, DeviceState, GivenHeld
from septet.identity.oauth.tables import clients, device_codes
from septet.identity.rows import Found
from septet.identity.statements import delete_some, insert_row

_device = select(
    device_codes.c.id,
    device_codes.c.client_id,
    clients.c.name.label("client_name"),
    device_codes.c.scope,
    device_codes.c.state,
    device_codes.c.account_id,
    device_codes.c.proven_at,
    device_codes.c.methods,
    device_codes.c.seconds_between,
    device_codes.c.polled_at,
    device_codes.c.expires_at,
).join(clients, clients.c.id == device_codes.c.client_id)
_this = device_codes.c.id == bindparam("device_id", type_=Id)

insert_device = maybe(
    insert_row(device_codes).on_conflict_do_nothing(index_elements=["user_code"]).returning(device_codes.c.id),
    into=Found,
)
find_device = maybe(_device.where(device_codes.c.id == bindparam("id")), into=DeviceRow)
find_device_by_user_code = maybe(_device.where(device_codes.c.user_code == bindparam("user_code")), into=DeviceRow)
note_poll = run(
    update(device_codes)
    .where(_this)
    .values(
        polled_at=bindparam("now", type_=Instant),
        seconds_between=bindparam("next_seconds", type_=device_codes.c.seconds_between.type),
    )
)
# Of two answers the first one stands.
answer_device = run(
    update(device_codes)
    .where(_this, device_codes.c.state == DeviceState.PENDING.value)
    .values(
        state=bindparam("answer", type_=Text),
        account_id=bindparam("account", type_=Id),
        scope=bindparam("granted", type_=Text),
        proven_at=bindparam("proof", type_=Instant),
        methods=bindparam("proven_by", type_=Text),
    )
)
# Of many polls at once, one gets the tokens.
use_device = run(delete(device_codes).where(device_codes.c.id == bindparam("id")))
_of_account = device_codes.c.account_id == bindparam("account_id")
_of_client = device_codes.c.client_id == bindparam("client_id")
devices_of = many(
    select(device_codes.c.client_id, device_codes.c.scope, device_codes.c.created_at)
    .where(_of_account)
    .order_by(device_codes.c.id),
    into=GivenHeld,
)
forget_devices_of_account = run(delete(device_codes).where(_of_account))
forget_devices_of_client = run(delete(device_codes).where(_of_client))
forget_devices_between = run(delete(device_codes).where(_of_account, _of_client))
sweep_devices = run(delete_some(device_codes, device_codes.c.expires_at < bindparam("before")))
