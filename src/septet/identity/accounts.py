"""Accounts, as administrators see them."""

from __future__ import annotations

from septet.core.context import Context
from septet.core.errors import NotFound
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.types import AccountId, CursorText, Limit, Page
from septet.identity import queries
from septet.identity.types import Account


async def reachable_account(ctx: Context, id: AccountId) -> Account:
    """The only way to an account by its id. Raises NotFound."""
    account = await ctx.tx.maybe(queries.find_account, id=id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


@operation.get("/v1/identity/accounts", scope="identity:admin")
async def list_accounts(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[Account]:
    """All accounts, newest first."""
    return await page(ctx, queries.all_accounts, limit, cursor)


@operation.get("/v1/identity/accounts/{id}", scope="identity:admin")
async def read_account(ctx: Context, id: AccountId) -> Account:
    """An account by its id. Raises NotFound."""
    return await reachable_account(ctx, id)
