"""Asking a provider who somebody is: authorization code with PKCE, state and nonce (OpenID Connect Core section 3.1).

What was asked is kept, sealed, in the browser that asked. So an answer counts only in that browser, for a few minutes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import msgspec
import structlog
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Unavailable
from septet.core.outbound import OutboundError
from septet.identity.codes import same
from septet.identity.oauth.codes import challenge_of
from septet.identity.problems import ProviderRefused
from septet.identity.providers import discovery
from septet.identity.providers.types import Told
from septet.identity.settings import IdentitySettings

log = structlog.get_logger()

CALLBACK = "/identity/sign-in/provider/callback"
HOLDS_SECONDS = 600
_SCOPE = "openid profile email"
_PURPOSE = "identity.provider-flow"
_ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]  # never `none`, never a shared secret (RFC 8725)
_SKEW = 60  # seconds by which clocks may differ
_NOT_SO = "The answer of the provider does not hold. Try again."


class Asking(Struct, frozen=True):
    """What was asked, and where the person goes on afterwards."""

    state: str
    nonce: str
    verifier: str
    onward: str
    asked_at: float


class _Tokens(Struct):
    id_token: str


async def begin(ctx: Context, onward: str) -> tuple[str, str]:
    """Where to send the browser, and what it is to keep meanwhile. Raises Unavailable."""
    from authlib.common.security import generate_token
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri

    found = await _reached(ctx, discovery.metadata(ctx))
    asking = Asking(generate_token(32), generate_token(32), generate_token(64), onward, ctx.now.timestamp())
    to: str = prepare_grant_uri(
        found.authorization_endpoint,
        ctx.settings(IdentitySettings).provider_client_id,
        "code",
        redirect_uri=ctx.runtime.floor.base_url + CALLBACK,
        scope=_SCOPE,
        state=asking.state,
        nonce=asking.nonce,
        code_challenge=challenge_of(asking.verifier),
        code_challenge_method="S256",
    )
    sealed = ctx.runtime.keys.seal(_PURPOSE, msgspec.json.encode(asking))
    return to, base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def finish(ctx: Context, query: Mapping[str, str], kept: str | None) -> tuple[Told, str]:
    """Who the provider says it is, and where they go on. Raises ProviderRefused, Unavailable."""
    asking = _read_asking(ctx, kept)
    if asking is None or not same(asking.state, query.get("state", "")):
        raise ProviderRefused("This answer belongs to no question of this browser. Begin again.")
    found = await _reached(ctx, discovery.metadata(ctx))
    if (
        query.get("iss", found.issuer if not found.authorization_response_iss_parameter_supported else "")
        != found.issuer
    ):
        raise ProviderRefused(_NOT_SO)  # RFC 9207 section 2.4: of another server, against mix-ups
    if "code" not in query:
        raise ProviderRefused("The provider did not sign you in.")
    token = await _reached(ctx, _exchange(ctx, found, query["code"], asking.verifier))
    claims = await _reached(ctx, _verified(ctx, found, token, asking.nonce))
    return _told(found, claims), asking.onward


async def _exchange(ctx: Context, found: discovery.Metadata, code: str, verifier: str) -> str:
    """The ID token that the code gives. Raises OutboundError."""
    import httpx
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    from septet.core.guarded_transport import guarded

    settings = ctx.settings(IdentitySettings)
    id, secret = settings.provider_client_id, settings.provider_client_secret
    asked = {"code": code, "code_verifier": verifier, "redirect_uri": ctx.runtime.floor.base_url + CALLBACK}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
        joined = f"{quote_plus(id)}:{quote_plus(secret)}"  # RFC 6749 section 2.3.1
        headers["authorization"] = f"Basic {base64.b64encode(joined.encode()).decode()}"
    else:
        asked |= {"client_id": id, "client_secret": secret}
    body: str = prepare_token_request("authorization_code", **asked)
    async with (
        guarded(discovery.named_hosts(found.issuer)) as transport,
        httpx.AsyncClient(transport=transport, trust_env=False) as http,
    ):
        reply = await http.post(found.token_endpoint, content=body, headers=headers)
    try:
        return msgspec.json.decode(reply.content, type=_Tokens).id_token
    except msgspec.MsgspecError as error:
        raise OutboundError(f"{found.token_endpoint}: status {reply.status_code}, no ID token") from error


async def _verified(ctx: Context, found: discovery.Metadata, token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that is for us, now, and for this question (section 3.1.3.7). Raises OutboundError."""
    from joserfc import jws, jwt
    from joserfc.errors import JoseError

    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
        keys = await discovery.keys(ctx, with_kid=kid)
        claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        wrong = _why_not(ctx, found, claims, nonce)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OutboundError(f"its ID token: {type(error).__name__}") from error
    if wrong is not None:
        raise OutboundError(f"its ID token: {wrong}")
    return claims


def _why_not(ctx: Context, found: discovery.Metadata, claims: Mapping[str, Any], nonce: str) -> str | None:
    ours, now = ctx.settings(IdentitySettings).provider_client_id, ctx.now.timestamp()
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims["iss"] != found.issuer:
        return "another issuer"
    if ours not in audience or (len(audience) > 1 and claims.get("azp") != ours) or claims.get("azp", ours) != ours:
        return "for somebody else"
    if not float(claims["exp"]) + _SKEW > now or not float(claims["iat"]) - _SKEW < now:
        return "not of now"
    if not isinstance(claims.get("nonce"), str) or not same(claims["nonce"], nonce):
        return "for another question"
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        return "about nobody"
    return None


def _told(found: discovery.Metadata, claims: Mapping[str, Any]) -> Told:
    def text(name: str) -> str | None:
        value = claims.get(name)
        return value if isinstance(value, str) and value else None

    verified = claims.get("email_verified") in (True, "true")  # some say it in a string
    return Told(found.issuer, claims["sub"], text("email"), verified, text("name"), text("locale"))


def _read_asking(ctx: Context, kept: str | None) -> Asking | None:
    if kept is None:
        return None
    try:
        sealed = base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
        asking = msgspec.json.decode(ctx.runtime.keys.unseal(_PURPOSE, sealed), type=Asking)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return asking if ctx.now.timestamp() - asking.asked_at <= HOLDS_SECONDS else None


async def _reached(ctx: Context, call: Any) -> Any:
    """What a call to the provider gives. What went wrong is for the log; the person cannot mend it."""
    try:
        return await call
    except OutboundError as error:
        log.warning("the provider that people sign in with failed", issuer=discovery.issuer_of(ctx), why=str(error))
        raise Unavailable("The provider cannot be reached, or its answer does not hold. Try again later.") from None
