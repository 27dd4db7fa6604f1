"""Administrators: the first one, and who else becomes one.

While there is none, whoever started the server may make one with a token that is printed at start. It is derived
from the server's secret keys, so all processes know it and no table does, and it is void as soon as there is one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.keys import Keyring
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.runtime import Runtime
from septet.core.types import AccountId
from septet.identity import queries
from septet.identity.accounts import reachable_account
from septet.identity.addresses import Address, read_address
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.codes import same
from septet.identity.devices.devices import remember
from septet.identity.hashing import hashing
from septet.identity.passwords import refuse_weak
from septet.identity.problems import AdministratorExists, EmailTaken, LastAdministrator, WeakPassword, WrongCode
from septet.identity.proven import BY_PASSWORD
from septet.identity.registrations import create_account
from septet.identity.revocations import revoke
from septet.identity.rows import SessionKind
from septet.identity.sessions import Opened, open_session, reply
from septet.identity.types import DEFAULT_LOCALE, Account, FirstAdministrator, Role, SessionReply
from septet.identity.verifications import AccountToBe


@operation.post(
    "/v1/identity/administrators/first",
    public=True,
    steps=True,
    secret=True,
    limit=per_minute(10, by="address"),
    raises=(WrongCode, WeakPassword, AdministratorExists, EmailTaken),
)
async def make_first_administrator(ctx: Context, body: FirstAdministrator) -> SessionReply:
    """Make the first administrator and sign in, with the token that the server prints when it starts without one.

    Raises WrongCode for another token, AdministratorExists once there is one.
    """
    return reply(ctx, await make_first(ctx, body))


async def make_first(ctx: Context, body: FirstAdministrator, kind: SessionKind = SessionKind.TOKENS) -> Opened:
    """The first administrator and a session; in steps. Raises as the operation does."""
    if not same(first_token(ctx.runtime.keys), body.token):
        raise WrongCode("This is not the token that the server printed.", pointer="/token")
    address = read_address(body.email)
    await ctx.read(_refuse_if_there_is_one)
    await refuse_weak(ctx, body.password, address.text, body.name)
    to_be = AccountToBe(body.name, DEFAULT_LOCALE, await hashing(ctx.runtime).hash(body.password))
    return await ctx.write(_make_first, address, to_be, kind)


@operation.put("/v1/identity/accounts/{id}/roles/administrator", scope="identity:admin")
async def grant_administrator(ctx: Context, id: AccountId) -> None:
    """Make an account an administrator, from its next refresh on. Raises NotFound."""
    account = await reachable_account(ctx, id)
    await grant(ctx, account)


@operation.delete("/v1/identity/accounts/{id}/roles/administrator", scope="identity:admin", raises=(LastAdministrator,))
async def revoke_administrator(ctx: Context, id: AccountId) -> None:
    """Make an administrator a member again. Their sessions end, because their tokens said more.

    Raises NotFound, LastAdministrator.
    """
    account = await reachable_account(ctx, id)
    await refuse_to_lose_last(ctx, account.id)
    if await ctx.tx.run(queries.revoke_role, account_id=account.id, role=Role.ADMINISTRATOR.value):
        await revoke(ctx, await ctx.tx.all(queries.end_all_sessions, account_id=account.id))
        await audit_log.record(ctx, Action.ROLE_REVOKE, about=account.id, target=Role.ADMINISTRATOR.value)


async def grant(ctx: Context, account: Account) -> None:
    """Make an account an administrator, in the open transaction."""
    role = Role.ADMINISTRATOR.value
    if await ctx.tx.run(queries.grant_role, account_id=account.id, role=role, granted_at=ctx.now):
        await audit_log.record(ctx, Action.ROLE_GRANT, about=account.id, target=role)


async def refuse_to_lose_last(ctx: Context, account: AccountId) -> None:
    """Raise LastAdministrator if `account` is the only one."""
    administrators = await ctx.tx.all(queries.some_with_role, role=Role.ADMINISTRATOR.value)
    if [administrator.id for administrator in administrators] == [account]:
        raise LastAdministrator("Nobody else administers this server.")


async def create_administrator(ctx: Context, email: str, password: str | None) -> Account:
    """For the command line: make the account an administrator; `password` makes one that is not there yet.

    Raises Invalid, WeakPassword, and NotFound where there is no account and no password.
    """
    address = read_address(email)
    to_be = None
    if password is not None:
        await refuse_weak(ctx, password, address.text)
        to_be = AccountToBe(None, DEFAULT_LOCALE, await hashing(ctx.runtime).hash(password))
    return await ctx.write(_make_administrator, address, to_be)


async def greet(runtime: Runtime) -> list[str]:
    """What to tell whoever starts the server: how to make the first administrator, while there is none."""
    ctx = runtime.context()
    if await runtime.read(ctx, lambda: ctx.tx.all(queries.some_with_role, role=Role.ADMINISTRATOR.value)):
        return []
    return [
        "There is no administrator yet. Open this link to become the one, or use `septet create-admin EMAIL`:",
        f"  {runtime.floor.base_url}/identity/first-administrator#{first_token(runtime.keys)}",
    ]


def first_token(keys: Keyring) -> str:
    """The token that makes the first administrator."""
    digest = hmac.digest(keys.derive("identity.first-administrator"), b"1", hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()


async def has_account(ctx: Context, email: str) -> bool:
    """Whether an address has an account, for the command line."""
    return await ctx.tx.maybe(queries.find_account_by_email, email_key=read_address(email).key) is not None


async def _refuse_if_there_is_one(ctx: Context) -> None:
    if await ctx.tx.all(queries.some_with_role, role=Role.ADMINISTRATOR.value):
        raise AdministratorExists("There is an administrator already.")


async def _make_first(ctx: Context, address: Address, to_be: AccountToBe, kind: SessionKind) -> Opened:
    """Of several at once, serializable transactions let one through."""
    await _refuse_if_there_is_one(ctx)
    account = await create_account(ctx, address, to_be, verified=True)
    if account is None:
        raise EmailTaken("There is an account with this address: use `septet create-admin`.", pointer="/email")
    await grant(ctx, account)
    await remember(ctx, account.id)
    return await open_session(ctx, account.id, BY_PASSWORD, kind)


async def _make_administrator(ctx: Context, address: Address, to_be: AccountToBe | None) -> Account:
    account = await ctx.tx.maybe(queries.find_account_by_email, email_key=address.key)
    if account is None and to_be is not None:
        account = await create_account(ctx, address, to_be, verified=True)
    if account is None:
        raise NotFound("There is no account with this address.")
    await grant(ctx, account)
    return account
