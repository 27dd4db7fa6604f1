"""What a client must know of this server, where it looks for it (RFC 8414, RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from septet.core.doorway import protected_resource
from septet.core.proofs import acr_of
from septet.core.runtime import Runtime
from septet.identity.oauth.client_keys import ALGORITHMS
from septet.identity.oauth.scopes import OPENID_SCOPES
from septet.identity.oauth.signing_keys import ALGORITHM
from septet.identity.oauth.token import GRANT_TYPES
from septet.identity.oauth.types import ClientAuthentication
from septet.identity.web.forms import AUTHORIZE

_OAUTH = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"
_CLAIMS = (
    *("sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"),
    *("name", "locale", "email", "email_verified"),
)


def metadata_paths(runtime: Runtime) -> Iterable[str]:
    """OAuth has the well-known part before the issuer's path (RFC 8414 section 3.1), OpenID Connect behind it."""
    path = urlsplit(runtime.floor.base_url).path.rstrip("/")
    return dict.fromkeys((_OAUTH + path, _OPENID + path, path + _OPENID))


def resource_paths(runtime: Runtime) -> Iterable[tuple[str, str]]:
    """Paths of what protected resources say of themselves, and the resource of each: all, and the door for agents."""
    base = runtime.floor.base_url
    return ((urlsplit(protected_resource(base, door)).path, base + door) for door in ("", "/mcp"))


def resource_metadata_of(runtime: Runtime, resource: str) -> dict[str, Any]:
    """Which server gives the tokens that a resource takes (RFC 9728 section 2)."""
    issuer = runtime.floor.base_url
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "jwks_uri": f"{issuer}/oauth2/jwks",
        "scopes_supported": sorted(runtime.registry.scopes),
        "bearer_methods_supported": ["header"],
        "resource_documentation": f"{issuer}/docs",
    }


def metadata_of(runtime: Runtime) -> dict[str, Any]:
    """RFC 8414 section 2, OpenID Connect Discovery section 3, and RP-Initiated Logout section 2.1."""
    issuer = runtime.floor.base_url
    methods = [method.value for method in ClientAuthentication]
    told: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}{AUTHORIZE}",
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}/oauth2/jwks",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "device_authorization_endpoint": f"{issuer}/oauth2/device_authorization",
        "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
        "end_session_endpoint": f"{issuer}/oauth2/logout",
        "scopes_supported": [*OPENID_SCOPES, *sorted(runtime.registry.scopes)],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "acr_values_supported": [acr_of(1), acr_of(2)],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": _CLAIMS,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "grant_types_supported": list(GRANT_TYPES),
        "service_documentation": f"{issuer}/docs",
    }
    for endpoint in ("token", "introspection", "revocation"):
        able = [method for method in methods if endpoint != "introspection" or method != ClientAuthentication.NONE]
        told[f"{endpoint}_endpoint_auth_methods_supported"] = able
        told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = ALGORITHMS
    return told
