"""Devices without a keyboard: a person types the code that one shows on a page here, and says yes (RFC 8628)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.core.ids import new_id
from septet.core.limits import per_hour
from septet.identity import derived
from septet.identity import queries as identity_queries
from septet.identity.browser_sessions import Browsing
from septet.identity.derived import Kind
from septet.identity.oauth import device_queries
from septet.identity.oauth.consents import keep
from septet.identity.oauth.errors import OAuthCode, OAuthError, invalid_grant
from septet.identity.oauth.rows import ClientRow, DeviceRow, DeviceState
from septet.identity.oauth.scopes import OPENID_SCOPES, granted_now
from septet.identity.oauth.token_replies import TokenReply, reply_with_id_token
from septet.identity.oauth.types import GrantType
from septet.identity.proven import read_proven
from septet.identity.sessions import Grant, Opened, open_session

PAGE = "/identity/device"
_HOLDS = timedelta(minutes=10)
_SECONDS_BETWEEN = 5
_MORE_SECONDS = 5  # for each poll that came too soon (section 3.5)
_KIND = Kind("septet_dc_", "identity.device-code")
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so they spell nothing, and none that looks like another
_LENGTH = 8
# With 20^8 codes and few of them waiting, so many guesses an hour find one in some ten thousand years (section 5.1).
_GUESSES = per_hour(60, name="device")


class DeviceReply(Struct, frozen=True):
    """RFC 8628 section 3.2. Times are in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


async def begin_device(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> DeviceReply:
    """What the device keeps, and what it shows. Raises OAuthError."""
    if not client.may(GrantType.DEVICE_CODE):
        raise OAuthError(OAuthCode.UNAUTHORIZED_CLIENT, "The client was not registered for this grant.")
    scope = list(dict.fromkeys(form.get("scope", client.scope).split()))
    if not scope or not set(scope) <= {*client.scope.split(), *OPENID_SCOPES}:
        raise OAuthError(OAuthCode.INVALID_SCOPE, "The client may not ask for this scope.")
    id, user_code = await ctx.write_hot(_begin, client, " ".join(scope))
    shown = f"{user_code[:4]}-{user_code[4:]}"
    page = f"{ctx.runtime.floor.base_url}{PAGE}"
    return DeviceReply(
        device_code=derived.make(ctx.runtime.keys, _KIND, id.bytes),
        user_code=shown,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={shown}",
        expires_in=int(_HOLDS.total_seconds()),
        interval=_SECONDS_BETWEEN,
    )


async def find_waiting(ctx: Context, here: Browsing, typed: str) -> DeviceRow:
    """The device that shows what was typed, in whatever case and with or without a dash. Raises Invalid, TooMany."""
    await ctx.spend_everywhere(_GUESSES, "device", str(here.holder.id), refusal="Too many codes. Wait an hour.")
    device = await ctx.read(_find_by_user_code, "".join(typed.upper().replace("-", "").split()))
    if device is None or device.state is not DeviceState.PENDING or device.expires_at <= ctx.now:
        raise Invalid("No device is waiting with this code. Look again, or have it show another.", pointer="/user_code")
    return device


async def answer(ctx: Context, here: Browsing, device: DeviceRow, *, yes: bool) -> None:
    """What the person says; a step of its own. Raises Invalid where it was said already."""
    if not await ctx.write(_answer, here, device, yes):
        raise Invalid("No device is waiting with this code. Look again, or have it show another.", pointer="/user_code")


async def by_device_code(ctx: Context, client: ClientRow, form: Mapping[str, str]) -> TokenReply:
    """What the device gets when it asks whether its person said yes (RFC 8628 sections 3.4 and 3.5)."""
    code = form.get("device_code")
    if not code:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "device_code is missing.")
    body = derived.read(ctx.runtime.keys, _KIND, code)
    if body is None or len(body) != 16:
        raise invalid_grant()
    given = await ctx.write(_poll, client, UUID(bytes=body))
    if isinstance(given, OAuthCode):
        raise OAuthError(given, _WHY[given])
    return await reply_with_id_token(ctx, client, given, nonce=None)


_WHY: Mapping[OAuthCode, str] = {
    OAuthCode.AUTHORIZATION_PENDING: "Nobody answered yet.",
    OAuthCode.SLOW_DOWN: "Wait longer between two polls.",
    OAuthCode.EXPIRED_TOKEN: "Nobody answered in time.",
    OAuthCode.ACCESS_DENIED: "The person said no.",
    OAuthCode.INVALID_GRANT: "The code is used up, or not this client's.",
}


async def _begin(ctx: Context, client: ClientRow, scope: str) -> tuple[UUID, str]:
    while True:
        id, user_code = new_id(), "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        made = await ctx.tx.maybe(
            device_queries.insert_device,
            id=id,
            client_id=client.id,
            scope=scope,
            user_code=user_code,
            state=DeviceState.PENDING.value,
            account_id=None,
            proven_at=None,
            methods=None,
            seconds_between=_SECONDS_BETWEEN,
            polled_at=None,
            created_at=ctx.now,
            expires_at=ctx.now + _HOLDS,
        )
        if made is not None:  # else another device shows the same
            return id, user_code


async def _find_by_user_code(ctx: Context, user_code: str) -> DeviceRow | None:
    return await ctx.tx.maybe(device_queries.find_device_by_user_code, user_code=user_code)


async def _answer(ctx: Context, here: Browsing, device: DeviceRow, yes: bool) -> bool:
    scopes = granted_now(ctx.runtime.registry, device.scope.split(), here.holder)
    answered = await ctx.tx.run(
        device_queries.answer_device,
        device_id=device.id,
        answer=(DeviceState.APPROVED if yes and scopes else DeviceState.DENIED).value,
        account=here.holder.id,
        granted=" ".join(scopes),
        proof=here.session.proven_at,
        proven_by=here.session.methods,
    )
    if answered and yes:
        await keep(ctx, here.holder.id, device.client_id, scopes)
    return bool(answered)


async def _poll(ctx: Context, client: ClientRow, id: UUID) -> Opened | OAuthCode:
    """It gives the error rather than raise it, because what was noted of the poll must be committed."""
    device = await ctx.tx.maybe(device_queries.find_device, id=id)
    if device is None or device.client_id != client.id:
        return OAuthCode.INVALID_GRANT
    if device.expires_at <= ctx.now:
        return OAuthCode.EXPIRED_TOKEN
    if device.state is DeviceState.PENDING:
        return await _note_poll(ctx, device)
    if not await ctx.tx.run(device_queries.use_device, id=id):  # by another poll
        return OAuthCode.INVALID_GRANT
    if device.state is DeviceState.DENIED or device.account_id is None:
        return OAuthCode.ACCESS_DENIED
    holder = await ctx.tx.maybe(identity_queries.find_holder, id=device.account_id)
    if holder is None or holder.suspended_at is not None:
        return OAuthCode.ACCESS_DENIED
    grant = Grant(client.id, device.scope, device.proven_at or ctx.now)
    return await open_session(ctx, device.account_id, read_proven(device.methods or ""), grant=grant)


async def _note_poll(ctx: Context, device: DeviceRow) -> OAuthCode:
    between = timedelta(seconds=device.seconds_between)
    too_soon = device.polled_at is not None and ctx.now - device.polled_at < between
    seconds = device.seconds_between + (_MORE_SECONDS if too_soon else 0)
    await ctx.tx.run(device_queries.note_poll, device_id=device.id, now=ctx.now, next_seconds=seconds)
    return OAuthCode.SLOW_DOWN if too_soon else OAuthCode.AUTHORIZATION_PENDING
