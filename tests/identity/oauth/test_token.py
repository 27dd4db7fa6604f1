"""The token endpoint: which client asks, what it gets, and how it is refused."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from septet.app import Septet
from septet.core.errors import Forbidden
from septet.identity.oauth.types import ClientAuthentication, ClientCreated
from septet.identity.tasks import sweep_expired
from support.app import Clock
from support.asgi import call as request
from support.oauth import ASSERTION, FORM, basic, claims_for, own_token, post, provider, register_client
from support.people import call
from support.sql import execute

GRANT = {"grant_type": "client_credentials"}


async def test_client_credentials(database_url: str, tmp_path: Path) -> None:
    """RFC 6749 section 4.4: a token for the client itself, no refresh token, never kept (5.1)."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        answer = await post(septet, "token", basic(created), **GRANT)
        assert answer.status == 200
        assert answer.body.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 600)
        assert answer.body["scope"] == "identity:admin identity:read"
        assert "no-store" in str(answer.header("cache-control"))
        listed = await request(septet.asgi, "GET", "/v1/identity/accounts", token=answer.body["access_token"])
        assert [account["email"] for account in listed.body["items"]] == ["ada@example.org"]


async def test_what_it_gets_is_a_token_as_rfc_9068_has_it(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        token = await own_token(septet, created)
        listed = await request(septet.asgi, "GET", "/oauth2/jwks")
        read = jwt.decode(token, KeySet.import_key_set(listed.body), algorithms=["Ed25519"])
        assert read.header["typ"] == "at+jwt"
        id = str(created.client.client_id)
        assert (read.claims["sub"], read.claims["client_id"]) == (id, id)
        assert read.claims["iss"] == read.claims["aud"] == septet.runtime.floor.base_url


async def test_what_is_a_persons_a_client_has_not(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        token = await own_token(septet, await register_client(septet, ada))
        with pytest.raises(Forbidden, match="person's"):
            await call(septet, "read_me", token)


async def test_a_secret_in_the_form(tmp_path: Path) -> None:
    """client_secret_post."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_client(septet, ada, token_endpoint_auth_method=ClientAuthentication.CLIENT_SECRET_POST)
        fields = {"client_id": str(created.client.client_id), "client_secret": str(created.client_secret)}
        assert (await post(septet, "token", **GRANT, **fields)).status == 200
        wrong = await post(septet, "token", **GRANT, **{**fields, "client_secret": "septet_cs_guessed"})
        assert (wrong.status, wrong.body["error"], wrong.header("www-authenticate")) == (401, "invalid_client", None)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"nobody:secret").decode(),
        "Basic " + base64.b64encode(b"00000000-0000-7000-8000-000000000000:secret").decode(),
        "Bearer abc",
        "Basic " + "A" * 3000,
    ],
)
async def test_whoever_is_no_client_is_told_so_by_401(tmp_path: Path, header: str) -> None:
    """RFC 6749 section 5.2: invalid_client, and WWW-Authenticate for who came by the header."""
    async with provider("", tmp_path) as (septet, _):
        answer = await post(septet, "token", ("authorization", header), **GRANT)
        assert (answer.status, answer.body["error"]) == (401, "invalid_client")
        assert answer.header("www-authenticate") == 'Basic realm="septet"'


async def test_credentials_are_form_encoded_first(tmp_path: Path) -> None:
    """RFC 6749 section 2.3.1: every character may come as %XX."""
    async with provider("", tmp_path) as (septet, ada):
        created = await register_client(septet, ada)
        every = "".join(f"%{ord(char):02X}" for char in f"{created.client_secret}")
        joined = f"{created.client.client_id}:{every}".encode()
        header = ("authorization", "Basic " + base64.b64encode(joined).decode())
        assert (await post(septet, "token", header, **GRANT)).status == 200


async def test_one_way_of_proving_it_only(tmp_path: Path) -> None:
    """RFC 6749 section 2.3: not more than one method a request."""
    async with provider("", tmp_path) as (septet, ada):
        created, other = await register_client(septet, ada), await register_client(septet, ada)
        twice = await post(septet, "token", basic(created), **GRANT, client_secret=str(created.client_secret))
        assert (twice.status, twice.body["error"]) == (400, "invalid_request")
        two = await post(septet, "token", basic(created), **GRANT, client_id=str(other.client.client_id))
        assert (two.status, two.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "ada", "password": "x"}, "unsupported_grant_type"),
        ({**GRANT, "scope": "identity:write"}, "invalid_scope"),
        ({**GRANT, "scope": " "}, "invalid_scope"),
        ({**GRANT, "resource": "https://elsewhere.example"}, "invalid_request"),
    ],
)
async def test_refusals_have_oauths_shape(tmp_path: Path, fields: dict[str, str], error: str) -> None:
    """RFC 6749 section 5.2, RFC 8707 section 2."""
    async with provider("", tmp_path) as (septet, ada):
        answer = await post(septet, "token", basic(await register_client(septet, ada)), **fields)
        assert (answer.status, answer.body["error"]) == (400, error)
        assert answer.body.keys() == {"error", "error_description"}
        assert answer.header("content-type") == "application/json"


async def test_less_than_it_may(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        token = await own_token(septet, await register_client(septet, ada), scope="identity:read")
        with pytest.raises(Forbidden):
            await call(septet, "list_accounts", token)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ((("content-type", "application/json"),), b"{}", 415),
        ((FORM,), b"grant_type=client_credentials&grant_type=password", 400),
        ((FORM,), b"grant_type=%ff", 400),
        ((FORM,), b"&".join(b"a%d=1" % n for n in range(200)), 400),
        ((FORM,), b"a=" + b"x" * 70_000, 413),
    ],
)
async def test_what_is_no_form(tmp_path: Path, headers: Any, body: bytes, status: int) -> None:
    """RFC 6749 section 3.2: parameters are not repeated."""
    async with provider("", tmp_path) as (septet, _):
        answer = await request(septet.asgi, "POST", "/oauth2/token", *headers, body=body)
        assert (answer.status, answer.body["error"]) == (status, "invalid_request")


_KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "r"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "p"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "e"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "o"}),
}


async def _with_keys(septet: Septet, token: str) -> ClientCreated:
    jwks = {"keys": [key.as_dict(private=False) for key in _KEYS.values()]}
    method = ClientAuthentication.PRIVATE_KEY_JWT
    return await register_client(septet, token, token_endpoint_auth_method=method, jwks=jwks)


async def _assert_itself(septet: Septet, assertion: str, **fields: str) -> tuple[int, str | None]:
    sent = {"client_assertion": assertion, "client_assertion_type": ASSERTION, **GRANT, **fields}
    answer = await post(septet, "token", **sent)
    return answer.status, answer.body.get("error")


def _signed(claims: dict[str, Any], algorithm: str = "ES256") -> str:
    key = _KEYS[algorithm]
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


@pytest.mark.parametrize("algorithm", list(_KEYS))
async def test_an_assertion_works_once(database_url: str, tmp_path: Path, algorithm: str) -> None:
    """RFC 7523 section 3: signed by the client's key, with `jti` once, by as many as try at the same moment."""
    async with provider(database_url, tmp_path) as (septet, ada):
        created = await _with_keys(septet, ada)
        assertion = _signed(claims_for(septet, created), algorithm)
        ended = await asyncio.gather(*(_assert_itself(septet, assertion) for _ in range(5)))
        assert sorted(ended) == [(200, None), *[(401, "invalid_client")] * 4]
        named = _signed(claims_for(septet, created), algorithm)
        assert await _assert_itself(septet, named, client_id=str(created.client.client_id)) == (200, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone"},
        {"sub": "00000000-0000-7000-8000-000000000000"},
        {"aud": "https://elsewhere.example"},
        {"aud": []},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 99_999_999_999},
        {"exp": float("1e300")},
        {"nbf": 99_999_999_999},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
    ],
)
async def test_an_assertion_that_says_something_else(tmp_path: Path, changes: dict[str, Any]) -> None:
    """RFC 7523 section 3, RFC 9700: for us, by and about the client, lately, once."""
    async with provider("", tmp_path) as (septet, ada):
        created = await _with_keys(septet, ada)
        assertion = _signed(claims_for(septet, created, **changes))
        fields = {"client_id": str(created.client.client_id)}
        assert await _assert_itself(septet, assertion, **fields) == (401, "invalid_client")


async def test_an_assertion_that_another_key_signed_or_none(tmp_path: Path) -> None:
    """RFC 8725 sections 3.1 and 3.2: algorithms are pinned; a public key is no shared secret."""
    async with provider("", tmp_path) as (septet, ada):
        created = await _with_keys(septet, ada)
        claims = claims_for(septet, created)
        stranger = ECKey.generate_key("P-256", {"kid": "e"})
        forged = [jwt.encode({"alg": "ES256", "kid": "e"}, claims, stranger, algorithms=["ES256"])]
        shared = OctKey.import_key(_KEYS["RS256"].as_dict(private=False)["n"])
        forged += [jwt.encode({"alg": "HS256", "kid": "r"}, claims, shared, algorithms=["HS256"])]
        head, payload, signature = _signed(claims).split(".")
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        forged += [f"{none}.{payload}.", f"{head}.{payload}.", f"{head}.{payload}.{signature[::-1]}", "a.b.c", "é", "."]
        for assertion in forged:
            assert await _assert_itself(septet, assertion) == (401, "invalid_client"), assertion
        wrong_kind = await post(
            septet, "token", **GRANT, client_assertion=_signed(claims), client_assertion_type="saml"
        )
        assert wrong_kind.body["error"] == "invalid_request"


async def test_a_client_of_keys_has_no_secret_that_works(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        created = await _with_keys(septet, ada)
        for secret in ("", "x"):
            answer = await post(septet, "token", basic(created, secret), **GRANT)
            assert answer.body["error"] == "invalid_client"
        bare = await post(septet, "token", **GRANT, client_id=str(created.client.client_id))
        assert bare.body["error"] == "invalid_client"


async def test_used_assertions_are_swept_when_they_expired(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        created = await _with_keys(septet, ada)
        await _assert_itself(septet, _signed(claims_for(septet, created)))
        clock.advance(minutes=1)
        await _assert_itself(septet, _signed(claims_for(septet, created, exp=int(clock().timestamp()) + 300)))
        clock.advance(minutes=2)
        await septet.runtime.context().write(sweep_expired)
        assert execute(database_url, "SELECT count(*) FROM identity_client_assertion") == [(1,)]


async def test_too_many_are_told_when_to_come_back_and_a_gateway_may_ask_on(tmp_path: Path) -> None:
    async with provider("", tmp_path, limits=True) as (septet, ada):
        created = await register_client(septet, ada)
        token = await own_token(septet, created)
        answers = [await post(septet, "token", basic(created), **GRANT) for _ in range(620)]
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        assert (refused[0].status, refused[0].body["error"]) == (429, "temporarily_unavailable")
        assert int(str(refused[0].header("retry-after"))) >= 1
        told = [await post(septet, "introspect", basic(created), token=token) for _ in range(1500)]
        assert {answer.status for answer in told} == {200}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"]
        )
        | st.text(max_size=8),
        st.sampled_from(["client_credentials", ASSERTION, "a.b.c"]) | st.text(max_size=40),
    ),
    header=st.none() | st.binary(max_size=60).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
)
def test_nothing_that_is_sent_breaks_it(tmp_path_factory: pytest.TempPathFactory, fields: Any, header: Any) -> None:
    async def send() -> None:
        async with provider("", tmp_path_factory.mktemp("fuzz")) as (septet, _):
            headers = (("authorization", header),) if header else ()
            for endpoint in ("token", "introspect", "revoke"):
                answer = await post(septet, endpoint, *headers, **fields)
                assert answer.status in {400, 401}
                assert answer.body.keys() == {"error", "error_description"}

    asyncio.run(send())
