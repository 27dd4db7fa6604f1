"""The two tokens of a session. Both are derived from its row, so neither is stored, and either can be made again.

The access token is a JWT (RFC 9068) signed with Ed25519, verified without the database. The refresh token names
session, counter and key, and proves by its MAC that this server made it: a forged one costs no query.
"""

from __future__ import annotations

import base64
import functools
import struct
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from msgspec import Struct

from septet.core.authentication import Verified
from septet.core.context import Actor, Context
from septet.core.errors import Unauthenticated
from septet.core.keys import Keyring
from septet.core.proofs import acr_of
from septet.core.runtime import Runtime
from septet.core.types import AccountId, SessionId
from septet.identity import derived
from septet.identity.derived import Kind
from septet.identity.oauth import queries as oauth_queries
from septet.identity.oauth.rows import ClientRow
from septet.identity.rows import SessionRow

if TYPE_CHECKING:  # it is loaded with the first token that is made or read: most commands meet none
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from joserfc.jwk import GuestProtocol, OKPKey

FIRST_PARTY = "first-party"
_TYPE = "at+jwt"
_ALGORITHM = "Ed25519"  # RFC 9864, which names the curve where `EdDSA` left it open
_LONGEST_TOKEN = 4096
_REFRESH = Kind("septet_rt_", "identity.refresh-token")
_REFRESH_BODY = struct.Struct(">16sQ")  # session, counter
_CLIENT_HOLDS = 0.5  # seconds that a client is taken to be as it was found


class Claims(Struct, frozen=True, omit_defaults=True):
    """What an access token says (RFC 9068 section 2.2). `sub` is an account, or a client that asks for itself."""

    iss: str
    sub: UUID
    aud: str
    client_id: str
    iat: int
    exp: int
    jti: str
    sid: UUID
    scope: str
    auth_time: int = 0
    acr: str = ""
    amr: list[str] = []


class Presented(Struct, frozen=True):
    """What a genuine refresh token says: whose it is, and which in the row of its session's."""

    session: SessionId
    counter: int


_decode_claims = msgspec.json.Decoder(Claims).decode


def access_token(
    runtime: Runtime, session: SessionRow, scope: str, lifetime: timedelta, client_id: str = FIRST_PARTY
) -> str:
    """The access token of a session as it stands: the same whenever it is asked for between two refreshes."""
    issued = int(session.rotated_at.timestamp())
    claims = Claims(
        iss=runtime.floor.base_url,
        sub=session.account_id,
        aud=runtime.floor.base_url,
        client_id=client_id,
        iat=issued,
        exp=issued + int(lifetime.total_seconds()),
        jti=f"{session.id.hex}{session.counter}.{int(session.proven_at.timestamp())}",
        sid=session.id,
        scope=scope,
        auth_time=int(session.proven_at.timestamp()),
        acr=acr_of(session.factors),
        amr=session.methods.split(),
    )
    return sign(runtime, claims)


def sign(runtime: Runtime, claims: Claims) -> str:
    """The token that says `claims`, signed with the newest key. The same claims give the same token.

    It is put together here (RFC 7515 section 7.1): with joserfc, making one costs half as much again as signing it.
    """
    header, key = _signer(_seed(runtime.keys, runtime.keys.current), runtime.keys.current)
    signed = header + _encoded(msgspec.json.encode(claims))
    return (signed + b"." + _encoded(key.sign(signed))).decode()


async def authenticate(runtime: Runtime, token: str) -> Verified:
    """Who an access token speaks for. Raises Unauthenticated for one that is not ours, or not of its kind."""
    claims = _read(runtime.keys, token)
    if claims is None or claims.iss != runtime.floor.base_url or claims.aud != runtime.floor.base_url:
        raise Unauthenticated("The access token is not valid.")
    if claims.client_id == str(claims.sub):
        return await _authenticate_client(runtime, claims)
    actor = Actor(
        account=AccountId(claims.sub),
        session=SessionId(claims.sid),
        scopes=_scopes_in(claims.scope),
        key=str(claims.sub),
        client="" if claims.client_id == FIRST_PARTY else claims.client_id,
        proven_at=float(claims.auth_time),
        factors=2 if claims.acr == acr_of(2) else 1,
    )
    return Verified(actor, float(claims.exp))


async def _authenticate_client(runtime: Runtime, claims: Claims) -> Verified:
    """A client that asks for itself, as it stands: looked up again and again, so that its end is seen in a second."""
    ctx = runtime.context()
    client = await ctx.read(_find_client, claims.sub)
    if client is None:
        raise Unauthenticated("The client of this access token is no more.")
    actor = Actor(
        session=SessionId(claims.sid),
        scopes=frozenset(claims.scope.split()) & frozenset(client.scope.split()),
        key=f"client:{claims.sub}",
        client=claims.client_id,
    )
    return Verified(actor, min(float(claims.exp), ctx.now.timestamp() + _CLIENT_HOLDS))


async def _find_client(ctx: Context, id: UUID) -> ClientRow | None:
    return await ctx.tx.maybe(oauth_queries.find_client, id=id)


def claims_of(token: str) -> Claims | None:
    """What an access token says that was verified already; None for what is verified otherwise, as an API key is."""
    if token.count(".") != 2:
        return None
    payload = token.split(".")[1]
    return _decode_claims(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def public_keys(keys: Keyring) -> list[dict[str, Any]]:
    """The keys that verify access tokens, as a JSON Web Key Set lists them (RFC 7517)."""
    return [
        {
            **_signing_key(_seed(keys, key_id)).as_dict(private=False),
            "kid": key_id,
            "use": "sig",
            "alg": _ALGORITHM,
        }
        for key_id in keys.ids
    ]


def refresh_token(keys: Keyring, session: SessionId, counter: int, key_id: str | None = None) -> str:
    """The refresh token of a session that carries this counter."""
    return derived.make(keys, _REFRESH, _REFRESH_BODY.pack(session.bytes, counter), key_id)


def read_refresh_token(keys: Keyring, token: str) -> Presented | None:
    """What a refresh token says, or None if this server never made it."""
    body = derived.read(keys, _REFRESH, token)
    if body is None or len(body) != _REFRESH_BODY.size:
        return None
    session_bytes, counter = _REFRESH_BODY.unpack(body)
    return Presented(SessionId(UUID(bytes=session_bytes)), counter)


def _read(keys: Keyring, token: str) -> Claims | None:
    """The claims of a token that one of our keys signed as an access token, or None."""
    from joserfc import jws
    from joserfc.errors import JoseError

    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return None

    def key_named(signature: GuestProtocol) -> OKPKey:
        return _signing_key(_seed(keys, signature.headers()["kid"]))

    try:
        signed = jws.deserialize_compact(token, key_named, algorithms=[_ALGORITHM])
        if signed.protected.get("typ") != _TYPE:
            return None
        return _decode_claims(signed.payload)
    except (JoseError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return None


@functools.lru_cache(maxsize=256)
def _scopes_in(scope: str) -> frozenset[str]:
    """One set for all tokens that say the same: they are held by the thousand."""
    return frozenset(scope.split())


def _seed(keys: Keyring, key_id: str) -> bytes:
    return keys.derive("identity.access-token", key_id)


@functools.lru_cache(maxsize=16)
def _signer(seed: bytes, key_id: str) -> tuple[bytes, Ed25519PrivateKey]:
    """The header of every token that this key signs, encoded, and the key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    header = msgspec.json.encode({"alg": _ALGORITHM, "typ": _TYPE, "kid": key_id})
    return _encoded(header) + b".", Ed25519PrivateKey.from_private_bytes(seed)


def _encoded(raw: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@functools.lru_cache(maxsize=16)
def _signing_key(seed: bytes) -> OKPKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from joserfc.jwk import OKPKey

    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
