"""What a provider says of itself, and its keys: fetched when needed, kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from septet.core.context import Context
from septet.core.outbound import OutboundError
from septet.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

_HOLDS = 3600.0
_KEYS_AGAIN_AFTER = 60.0  # seconds; for a key that is not known yet, keys are fetched anew, but not for every forgery
_WELL_KNOWN = "/.well-known/openid-configuration"


class Metadata(Struct, frozen=True):
    """OpenID Connect Discovery section 3, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    authorization_response_iss_parameter_supported: bool = False


class _Kept(Struct):
    metadata: Metadata
    metadata_at: float
    keys: Any = None
    keys_at: float = 0.0


def issuer_of(ctx: Context) -> str:
    return ctx.settings(IdentitySettings).provider_issuer.rstrip("/")


def named_hosts(issuer: str) -> frozenset[str]:
    """The operator named the issuer, so its host may be inside."""
    return frozenset({urlsplit(issuer).hostname or ""})


async def metadata(ctx: Context) -> Metadata:
    """Raises OutboundError."""
    return (await _kept(ctx)).metadata


async def keys(ctx: Context, *, with_kid: str | None) -> KeySet:
    """The keys that the provider signs with; fetched anew for a `kid` that is not among them. Raises OutboundError."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    kept, now = await _kept(ctx), ctx.now.timestamp()
    known = kept.keys is not None and now - kept.keys_at < _HOLDS
    if known and with_kid is not None and with_kid not in {key.kid for key in kept.keys.keys}:
        known = now - kept.keys_at < _KEYS_AGAIN_AFTER
    if not known:
        found = await _fetch(kept.metadata.jwks_uri, issuer_of(ctx), dict[str, Any])
        try:
            kept.keys = KeySet.import_key_set(found)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise OutboundError(f"{kept.metadata.jwks_uri}: no keys") from error
        kept.keys_at = now
    return kept.keys  # type: ignore[no-any-return]


async def _kept(ctx: Context) -> _Kept:
    issuer, now = issuer_of(ctx), ctx.now.timestamp()
    kept: _Kept | None = ctx.runtime.memory.get(_Kept)
    if kept is None or now - kept.metadata_at > _HOLDS:
        found = await _fetch(issuer + _WELL_KNOWN, issuer, Metadata)
        if found.issuer.rstrip("/") != issuer:  # section 4.3
            raise OutboundError(f"{issuer} says that it is another issuer")
        kept = ctx.runtime.memory[_Kept] = _Kept(found, now)
    return kept


async def _fetch(url: str, issuer: str, of: type[Any]) -> Any:
    import httpx

    from septet.core.guarded_transport import guarded

    async with (
        guarded(named_hosts(issuer)) as transport,
        httpx.AsyncClient(transport=transport, trust_env=False) as http,
    ):
        reply = await http.get(url, headers={"accept": "application/json"})
    if reply.status_code != 200:
        raise OutboundError(f"{url}: status {reply.status_code}")
    try:
        return msgspec.json.decode(reply.content, type=of)
    except msgspec.MsgspecError as error:
        raise OutboundError(f"{url}: {error}") from error
