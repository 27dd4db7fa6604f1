"""Tokens: what is genuine is read back, and nothing else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from septet.app import Septet
from septet.core.errors import Unauthenticated
from septet.core.ids import new_id
from septet.core.keys import Keyring
from septet.core.types import SessionId
from septet.identity.tokens import public_keys, read_refresh_token, refresh_token
from support.app import Clock
from support.people import ADA, call, front_door, register

KEYS = Keyring([("new", b"n" * 32), ("old", b"o" * 32)])
SESSION = SessionId(new_id())


def test_a_refresh_token_is_read_back_with_any_key_of_the_ring() -> None:
    for key_id in KEYS.ids:
        presented = read_refresh_token(KEYS, refresh_token(KEYS, SESSION, 7, key_id))
        assert presented is not None
        assert (presented.session, presented.counter) == (SESSION, 7)


def test_a_refresh_token_of_another_server_is_nobodys() -> None:
    theirs = Keyring([("new", b"x" * 32)])
    assert read_refresh_token(KEYS, refresh_token(theirs, SESSION, 7)) is None
    assert read_refresh_token(theirs, refresh_token(KEYS, SESSION, 7, "old")) is None


def test_every_changed_character_of_a_refresh_token_spoils_it() -> None:
    token = refresh_token(KEYS, SESSION, 7)
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert read_refresh_token(KEYS, changed) is None
    for other in (token[:-1], token + "A", token + "=", token + "\n", " " + token, token.removeprefix("septet_rt_")):
        assert read_refresh_token(KEYS, other) is None


@given(st.text(max_size=200) | st.binary(max_size=120).map(lambda raw: "septet_rt_" + base64.b64encode(raw).decode()))
def test_any_text_is_no_refresh_token(text: str) -> None:
    assert read_refresh_token(KEYS, text) is None


def test_public_keys_hold_nothing_private() -> None:
    keys = public_keys(KEYS)
    assert [key["kid"] for key in keys] == ["new", "old"]
    assert all(key.keys() == {"kty", "crv", "x", "kid", "use", "alg"} for key in keys)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed(septet: Septet, header: dict[str, Any], claims: Any) -> str:
    """A token that our own key did sign."""
    from septet.identity.tokens import _seed, _signing_key

    key = _signing_key(_seed(septet.runtime.keys, septet.runtime.keys.current))
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(header, payload, key, algorithms=["Ed25519"])


def _with_other_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    key = OKPKey.generate_key("Ed25519")
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=["Ed25519"])


def _with_public_key_as_secret(septet: Septet, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The trick of a verifier that lets the token choose: HMAC with the published key."""
    public = public_keys(septet.runtime.keys)[0]["x"]
    secret = OctKey.import_key(base64.urlsafe_b64decode(public + "=="))
    return jws.serialize_compact({**header, "alg": "HS256"}, json.dumps(claims).encode(), secret, algorithms=["HS256"])


Forge = Callable[[Septet, str, dict[str, Any], dict[str, Any]], str]

FORGERIES: dict[str, Forge] = {
    "nothing": lambda s, t, h, c: "",
    "no token": lambda s, t, h, c: "not.a.token",
    "truncated": lambda s, t, h, c: t[:-1],
    "lengthened": lambda s, t, h, c: t + "A",
    "no signature": lambda s, t, h, c: t.rsplit(".", 1)[0] + ".",
    "two parts": lambda s, t, h, c: t.rsplit(".", 1)[0],
    "alg none": lambda s, t, h, c: f"{_encoded({**h, 'alg': 'none'})}.{_encoded(c)}.",
    "alg none, signed": lambda s, t, h, c: f"{_encoded({**h, 'alg': 'none'})}.{'.'.join(t.split('.')[1:])}",
    "alg HS256": lambda s, t, h, c: _with_public_key_as_secret(s, h, c),
    "other claims": lambda s, t, h, c: f"{t.split('.')[0]}.{_encoded({**c, 'scope': 'x'})}.{t.split('.')[2]}",
    "other key": lambda s, t, h, c: _with_other_key(h, c),
    "unknown kid": lambda s, t, h, c: _signed(s, {**h, "kid": "gone"}, c),
    "no kid": lambda s, t, h, c: _signed(s, {"alg": h["alg"], "typ": h["typ"]}, c),
    "typ JWT": lambda s, t, h, c: _signed(s, {**h, "typ": "JWT"}, c),
    "no typ": lambda s, t, h, c: _signed(s, {"alg": h["alg"], "kid": h["kid"]}, c),
    "other issuer": lambda s, t, h, c: _signed(s, h, {**c, "iss": "https://evil.example"}),
    "other audience": lambda s, t, h, c: _signed(s, h, {**c, "aud": "https://evil.example"}),
    "expired": lambda s, t, h, c: _signed(s, h, {**c, "exp": c["iat"]}),
    "expiry as text": lambda s, t, h, c: _signed(s, h, {**c, "exp": str(c["exp"])}),
    "no expiry": lambda s, t, h, c: _signed(s, h, {k: v for k, v in c.items() if k != "exp"}),
    "no session": lambda s, t, h, c: _signed(s, h, {k: v for k, v in c.items() if k != "sid"}),
    "subject no id": lambda s, t, h, c: _signed(s, h, {**c, "sub": "ada"}),
    "claims a list": lambda s, t, h, c: _signed(s, h, [c]),
    "claims no JSON": lambda s, t, h, c: _signed(s, h, b"\xff\xfe"),
    "very long": lambda s, t, h, c: "A" * 100_000,
    "not ASCII": lambda s, t, h, c: "ä" + t,
}


async def test_forged_tokens_are_refused(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        genuine = (await register(septet, ADA)).access_token
        header, claims = _parts(genuine)
        assert await call(septet, "read_me", _signed(septet, header, claims))
        accepted = []
        for name, forge in FORGERIES.items():
            try:
                await septet.runtime.authentication.who(forge(septet, genuine, header, claims))
            except Unauthenticated:
                continue
            accepted.append(name)
        assert accepted == []


async def test_an_access_token_says_what_it_must_and_expires(tmp_path: Path) -> None:
    clock = Clock()
    async with front_door("", tmp_path, clock=clock) as septet:
        reply = await register(septet, ADA)
        header, claims = _parts(reply.access_token)
        assert header == {"alg": "Ed25519", "typ": "at+jwt", "kid": "test1"}
        assert claims.keys() == {
            "iss",
            "sub",
            "aud",
            "client_id",
            "iat",
            "exp",
            "jti",
            "sid",
            "scope",
            "auth_time",
            "acr",
            "amr",
        }
        assert claims["exp"] - claims["iat"] == reply.expires_in == 600
        assert (claims["sub"], claims["sid"]) == (str(reply.account.id), str(reply.session_id))
        clock.now += timedelta(seconds=599)
        assert (await call(septet, "read_me", reply.access_token)).email == ADA
        clock.now += timedelta(seconds=1)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", reply.access_token)
