"""What the audit log keeps to itself: the details of an entry are sealed under the key of the person who did it.

A person's key is random and kept sealed under the server's keys. When the person is erased it is destroyed, and with
it all that the log tells of them, while the entries stay in their chain. What concerns nobody who is known here, such
as a try to sign in to an address without account, is sealed under a key of nobody's.

The plain fields of an entry are authenticated with its details (AES-256-GCM), so an entry that somebody wrote or
changed in the database without the keys does not open.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from septet.core.context import Context
from septet.core.keys import Keyring
from septet.core.sealing import SealedColumn
from septet.core.types import AccountId
from septet.identity.audit import queries
from septet.identity.audit.rows import Details, Entry, EntrySeen, Key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NOBODY = AccountId(UUID(int=2**128 - 1))  # the Max UUID (RFC 9562 section 5.10): no account has it
_PURPOSE = "identity.audit-key"
_KEY = 32  # bytes
_NONCE = 12
_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(Details).decode


async def key_of(ctx: Context, account: AccountId | None) -> Key:
    """The key that entries about an account, or nobody, are sealed with: nobody's too for an account that is gone."""
    whose = NOBODY if account is None else account
    found = await ctx.tx.maybe(queries.find_key, account_id=whose)
    if not _opens(ctx, found):
        await _make_key(ctx, whose, found)
        found = await ctx.tx.maybe(queries.find_key, account_id=whose)  # of several at once, the first one's is kept
    return found or await key_of(ctx, None)


async def make_nobodys_key(ctx: Context) -> None:
    """At start, so that what concerns nobody takes as long as what concerns an account; writes only if it must."""
    if not _opens(ctx, await ctx.read(_find_nobodys)):
        await ctx.write_hot(key_of, None)


def _opens(ctx: Context, key: Key | None) -> bool:
    """Whether there is such a key, and the server's key that sealed it was not taken away."""
    return key is not None and ctx.runtime.keys.key_id_of(key.sealed_key) in ctx.runtime.keys.ids


async def _find_nobodys(ctx: Context) -> Key | None:
    return await ctx.tx.maybe(queries.find_key, account_id=NOBODY)


async def _make_key(ctx: Context, whose: AccountId, lost: Key | None) -> None:
    """A new key, also in place of one that is lost because the server's key that sealed it was taken away."""
    id, sealed = uuid4(), ctx.runtime.keys.seal(_PURPOSE, os.urandom(_KEY), whose.bytes)
    if lost is not None:
        await ctx.tx.run(queries.renew_key, whose=whose, old_id=lost.id, new_id=id, new_key=sealed)
    elif whose == NOBODY:
        await ctx.tx.run(queries.insert_key, account_id=whose, id=id, sealed_key=sealed)
    else:
        await ctx.tx.run(queries.insert_key_of_account, account_id=whose, key_id=id, sealed_key=sealed)


def seal(ring: Keyring, key: Key, plain: Sequence[Any], details: Details) -> bytes:
    """The details of an entry, bound to its plain fields."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher(ring, key.account_id, key.sealed_key).encrypt(nonce, _encode(details), _encode(plain))


def unseal(ring: Keyring, key: Key, entry: Entry | EntrySeen) -> Details:
    """The details of an entry. Raises ValueError if anything of it was changed, or it was not written here."""
    from cryptography.exceptions import InvalidTag

    sealed = entry.sealed_details
    try:
        cipher = _cipher(ring, key.account_id, key.sealed_key)
        return _decode(cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _encode(plain_fields(entry))))
    except (InvalidTag, msgspec.MsgspecError):
        raise ValueError("this entry was changed, or not written here") from None


def sealed_for(entry: Entry | EntrySeen) -> UUID | None:
    """Whose key its details are sealed with: who did it, else whom it is about, else nobody's, None."""
    return entry.actor_key or entry.about_key


def plain_fields(entry: Entry | EntrySeen) -> list[Any]:
    return [entry.id, entry.created_at, entry.action, entry.outcome, entry.about_key, entry.actor_key]


def _cipher(ring: Keyring, account: AccountId, sealed_key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(ring.unseal(_PURPOSE, sealed_key, account.bytes))


SEALED_KEYS = SealedColumn("identity_audit_key", _PURPOSE, queries.sealed_keys, queries.reseal_key)
