"""Accounts brought along from elsewhere, with the hashes of their passwords."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.identity.addresses import Address, read_address
from septet.identity.foreign_hashes import read_hash
from septet.identity.registrations import create_account
from septet.identity.types import DEFAULT_LOCALE, Locale, Name
from septet.identity.verifications import AccountToBe


class Line(Struct, forbid_unknown_fields=True):
    """One account of a file: a JSON object a line.

    Whose address was not verified owns the account only once they prove to read it; then its password is void.
    """

    email: str
    password_hash: str | None = None
    name: Name | None = None
    locale: Locale = DEFAULT_LOCALE
    email_verified: bool = False


class Ready(Struct, frozen=True):
    """A line that was read: an account to be."""

    address: Address
    to_be: AccountToBe
    verified: bool


def read_line(line: bytes) -> Ready:
    """Raises ValueError, saying what is wrong without showing what was in it."""
    try:
        found = msgspec.json.decode(line, type=Line)
        address = read_address(found.email)
    except (msgspec.MsgspecError, Invalid) as error:
        raise ValueError(str(error)) from None
    stored = None if found.password_hash is None else read_hash(found.password_hash)
    return Ready(address, AccountToBe(found.name, found.locale, stored), found.email_verified)


async def import_accounts(ctx: Context, ready: Sequence[Ready]) -> int:
    """Make the accounts whose address has none yet, in the open transaction, and give how many those were."""
    made = [await create_account(ctx, one.address, one.to_be, verified=one.verified) for one in ready]
    return sum(account is not None for account in made)
