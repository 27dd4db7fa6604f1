"""OAuth clients that nobody here wrote: Authlib for Python; oauth4webapi and openid-client for JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from support.browser import agree
from support.npm import copied_with_packages, run, skip_without_npm
from support.served import ADMINISTRATOR, PASSWORD, sign_in

HERE = Path(__file__).parent / "oauth_npm"
SCOPE = "identity:admin identity:introspect"
REDIRECT = "https://app.example.org/callback"
PERSON = "openid profile email identity:read"


def _register(server: str, **values: Any) -> tuple[str, str | None]:
    """A client's id and secret."""
    body = {"client_name": "Nightly report", "scope": SCOPE, **values}
    headers = {"Authorization": f"Bearer {sign_in(server)}"}
    created = httpx.post(f"{server}/v1/identity/clients", json=body, headers=headers).raise_for_status().json()
    return created["client"]["client_id"], created["client_secret"]


def _with_key(server: str) -> tuple[str, ECKey]:
    key = ECKey.generate_key("P-256")
    jwks = {"keys": [key.as_dict(private=False)]}
    return _register(server, token_endpoint_auth_method="private_key_jwt", jwks=jwks)[0], key


def _whole_way(client: OAuth2Client, server: str) -> None:
    """Get a token, use it, ask what it is worth, give it back."""
    token = client.fetch_token(f"{server}/oauth2/token", grant_type="client_credentials", scope="identity:admin")
    assert (token["token_type"], token["scope"]) == ("Bearer", "identity:admin")
    assert client.get(f"{server}/v1/identity/accounts").json()["items"]
    told = client.introspect_token(f"{server}/oauth2/introspect", token=token["access_token"]).json()
    assert (told["active"], told["client_id"]) == (True, client.client_id)
    assert client.revoke_token(f"{server}/oauth2/revoke", token=token["access_token"]).status_code == 200
    told = client.introspect_token(f"{server}/oauth2/introspect", token=token["access_token"]).json()
    assert told == {"active": False}
    assert client.get(f"{server}/v1/identity/accounts").status_code == 401


def test_authlib_with_a_secret(server: str) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        id, secret = _register(server, token_endpoint_auth_method=method)
        with OAuth2Client(id, secret, token_endpoint_auth_method=method) as client:
            _whole_way(client, server)


def test_authlib_with_a_key(server: str) -> None:
    id, key = _with_key(server)
    method = "private_key_jwt"
    with OAuth2Client(id, key, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method) as client:
        client.register_client_auth_method(PrivateKeyJWT(f"{server}/oauth2/token", alg="ES256"))
        _whole_way(client, server)


def test_the_javascript_clients(server: str, tmp_path: Path) -> None:
    skip_without_npm("THE JAVASCRIPT OAUTH CLIENTS WERE NOT TESTED")
    copied_with_packages(HERE, tmp_path)
    id, secret = _register(server)
    key_id, key = _with_key(server)
    jwk = msgspec.json.encode(key.as_dict(private=True)).decode()
    assert run("node", "program.js", server, id, str(secret), key_id, jwk, cwd=tmp_path) == "done\n"


def _register_app(server: str, **values: Any) -> tuple[str, str | None]:
    addresses = {"redirect_uris": [REDIRECT], "post_logout_redirect_uris": ["https://app.example.org/bye"]}
    return _register(server, client_name="Calendar", scope=PERSON, **addresses, **values)


def test_authlib_signs_a_person_in(server: str) -> None:
    for method in ("client_secret_basic", "none"):
        id, secret = _register_app(server, token_endpoint_auth_method=method)
        found = httpx.get(f"{server}/.well-known/openid-configuration").json()
        client = OAuth2Client(
            id,
            secret,
            token_endpoint_auth_method=method,
            redirect_uri=REDIRECT,
            scope=PERSON,
            code_challenge_method="S256",
            token_endpoint=found["token_endpoint"],
        )
        verifier = generate_token(48)
        with client:
            address, state = client.create_authorization_url(
                found["authorization_endpoint"], code_verifier=verifier, nonce="once"
            )
            back = agree(server, address, ADMINISTRATOR, PASSWORD)
            token = client.fetch_token(authorization_response=back, code_verifier=verifier, state=state)
            keys = KeySet.import_key_set(httpx.get(found["jwks_uri"]).json())
            claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
            assert (claims["nonce"], claims["aud"], claims["email"]) == ("once", id, ADMINISTRATOR)
            assert client.get(found["userinfo_endpoint"]).json()["sub"] == claims["sub"]
            former = token["refresh_token"]
            assert client.refresh_token(found["token_endpoint"], refresh_token=former)["refresh_token"] != former
            assert client.get(f"{server}/v1/identity/me").json()["email"] == ADMINISTRATOR


def test_the_javascript_clients_sign_people_in(server: str, tmp_path: Path) -> None:
    skip_without_npm("THE JAVASCRIPT OPENID CLIENTS WERE NOT TESTED")
    copied_with_packages(HERE, tmp_path)
    id, secret = _register_app(server)
    public_id, _ = _register_app(server, token_endpoint_auth_method="none")
    grants = ["device_code", "refresh_token"]
    device_id, _ = _register(server, scope=PERSON, token_endpoint_auth_method="none", grant_types=grants)
    values = (server, ADMINISTRATOR, PASSWORD, id, str(secret), public_id, device_id)
    assert run("node", "people.js", *values, cwd=tmp_path) == "done\n"
