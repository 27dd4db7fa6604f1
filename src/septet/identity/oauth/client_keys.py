"""Public keys of clients, and what they sign to prove who they are: `private_key_jwt` (RFC 7523)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.identity.oauth import queries
from septet.identity.oauth.rows import ClientRow

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")  # pinned: neither `none` nor one that shares a secret (RFC 8725)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MOST_KEYS = 10
_SMALLEST_RSA = 2048  # bits
_LONGEST_ASSERTION = 8192
_LONGEST_LIFE = timedelta(hours=1, minutes=1)  # clients are found that always ask for an hour
_SKEW = timedelta(seconds=30)  # by which a client's clock may differ


class _Assertion(Struct, frozen=True):
    """What the client says of itself (RFC 7523 section 3)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    jti: str
    nbf: float = 0.0


def refuse_weak_keys(keys: dict[str, Any]) -> None:
    """Raise Invalid unless these are public keys that `ALGORITHMS` can use."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

    listed = keys.get("keys")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_KEYS:
        raise Invalid(f"A key set has 1 to {_MOST_KEYS} keys.", pointer="/jwks")
    try:
        found = KeySet.import_key_set({"keys": listed}).keys
        for number, key in enumerate(found):
            usable = (
                (isinstance(key, RSAKey) and key.raw_value.key_size >= _SMALLEST_RSA)
                or (isinstance(key, ECKey) and key.curve_name == "P-256")
                or (isinstance(key, OKPKey) and key.curve_name == "Ed25519")
            )
            if not usable:
                raise Invalid("RSA of 2048 bits or more, P-256, or Ed25519.", pointer=f"/jwks/keys/{number}")
            if key.is_private:
                raise Invalid("This is a private key: keep it. Send the public one.", pointer=f"/jwks/keys/{number}")
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("These are no public keys that could be read (RFC 7517).", pointer="/jwks") from None


async def check_assertion(ctx: Context, client: ClientRow, assertion: str, audiences: set[str]) -> bool:
    """Whether the client signed this for us, lately, and it is used for the first time: a step of its own."""
    claims = _read(client, assertion)
    if claims is None or not claims.iss == claims.sub == str(client.id) or not 1 <= len(claims.jti) <= 256:
        return False
    named = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    now = ctx.now.timestamp()
    early = claims.nbf > now + _SKEW.total_seconds()
    late = claims.exp <= now - _SKEW.total_seconds() or claims.exp > now + _LONGEST_LIFE.total_seconds()
    if not named & audiences or early or late:
        return False
    expires = datetime.fromtimestamp(claims.exp, timezone.utc) + _SKEW
    return await ctx.write_hot(_use, client, claims.jti, expires)


async def _use(ctx: Context, client: ClientRow, jti: str, expires: datetime) -> bool:
    jti_hash = hashlib.sha256(jti.encode()).digest()
    return await ctx.tx.run(queries.use_assertion, client_id=client.id, jti_hash=jti_hash, expires_at=expires) > 0


def _read(client: ClientRow, assertion: str) -> _Assertion | None:
    """What an assertion says that one of the client's keys signed; None for any other."""
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    if client.keys is None or len(assertion) > _LONGEST_ASSERTION or not assertion.isascii():
        return None
    try:
        keys = KeySet.import_key_set({"keys": client.keys["keys"]})
        signed = jws.deserialize_compact(assertion, keys, algorithms=list(ALGORITHMS))
        return msgspec.json.decode(signed.payload, type=_Assertion)
    except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError):
        return None
