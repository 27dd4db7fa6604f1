"""What a client must know of this server, where it looks for it (RFC 8414)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from septet.core.runtime import Runtime
from septet.identity.oauth.client_keys import ALGORITHMS
from septet.identity.oauth.token import GRANTS
from septet.identity.oauth.types import ClientAuthentication

_WELL_KNOWN = "/.well-known/oauth-authorization-server"


def metadata_path(runtime: Runtime) -> str:
    """The well-known part goes before the path of the issuer, not after it (RFC 8414 section 3.1)."""
    return _WELL_KNOWN + urlsplit(runtime.floor.base_url).path.rstrip("/")


def metadata_of(runtime: Runtime) -> dict[str, Any]:
    """RFC 8414 section 2."""
    issuer = runtime.floor.base_url
    methods = [method.value for method in ClientAuthentication]
    told: dict[str, Any] = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}/oauth2/jwks",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "scopes_supported": sorted(runtime.registry.scopes),
        "response_types_supported": [],
        "grant_types_supported": list(GRANTS),
        "service_documentation": f"{issuer}/docs",
    }
    for endpoint in ("token", "introspection", "revocation"):
        told[f"{endpoint}_endpoint_auth_methods_supported"] = methods
        told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = ALGORITHMS
    return told
