"""RSA keys that sign ID tokens, which clients expect (OpenID Connect Core section 15.1). They are kept sealed.

There is one for each of the server's secret keys, made when it is first needed. Tokens are signed with the newest
one's; those of older ones are listed for as long as their secret keys stay in the ring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from septet.core.context import Context
from septet.identity.oauth import queries

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
_PURPOSE = "identity.signing-key"
_BITS = 2048


class Known:
    """Under this type, `runtime.memory` keeps the keys, by their ids."""


async def signing_keys(ctx: Context) -> Mapping[str, RSAKey]:
    """All keys by their `kid`, the newest among them; in steps of its own."""
    current = ctx.runtime.keys.current
    known: dict[str, RSAKey] = ctx.runtime.memory.get(Known, {})
    if _kid(current) not in known:
        known = await ctx.read(_read_keys)
        if _kid(current) not in known:
            await ctx.write(_keep, current, await asyncio.to_thread(_new_key))
            known = await ctx.read(_read_keys)  # of several that make one at once, the first one's is kept
        ctx.runtime.memory[Known] = known
    return known


async def sign(ctx: Context, payload: bytes) -> str:
    """`payload` as a token, signed with the newest key."""
    from joserfc import jws

    kid = _kid(ctx.runtime.keys.current)
    key = (await signing_keys(ctx))[kid]
    return jws.serialize_compact({"alg": ALGORITHM, "typ": "JWT", "kid": kid}, payload, key, algorithms=[ALGORITHM])


async def verified(ctx: Context, token: str) -> bytes | None:
    """What a token says that one of these keys signed; None for any other."""
    from joserfc import jws
    from joserfc.errors import JoseError

    keys = await signing_keys(ctx)
    try:
        signed = jws.deserialize_compact(token, lambda it: keys[it.headers()["kid"]], algorithms=[ALGORITHM])
    except (JoseError, KeyError, TypeError, ValueError):
        return None
    return signed.payload


async def public_signing_keys(ctx: Context) -> list[dict[str, Any]]:
    """As a JSON Web Key Set lists them (RFC 7517)."""
    return [
        {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}
        for kid, key in (await signing_keys(ctx)).items()
    ]


async def _read_keys(ctx: Context) -> dict[str, RSAKey]:
    from joserfc.jwk import RSAKey

    ring = ctx.runtime.keys
    return {
        _kid(row.key_id): RSAKey.import_key(ring.unseal(_PURPOSE, row.sealed_key, row.key_id.encode()))
        for row in await ctx.tx.all(queries.all_signing_keys)
        if row.key_id in ring.ids  # one whose secret key was removed is lost, as is meant
    }


async def _keep(ctx: Context, key_id: str, pem: bytes) -> None:
    sealed = ctx.runtime.keys.seal(_PURPOSE, pem, key_id.encode())
    await ctx.tx.run(queries.insert_signing_key, key_id=key_id, sealed_key=sealed, created_at=ctx.now)


def _new_key() -> bytes:
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(_BITS).as_pem(private=True)


def _kid(key_id: str) -> str:
    return f"rsa-{key_id}"
