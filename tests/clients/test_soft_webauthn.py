"""soft-webauthn, a passkey in software that nobody here wrote, registers and signs in over HTTP."""

from __future__ import annotations

import httpx

from support.passkeys import SoftPasskey
from support.served import PASSWORD


def test_a_passkey_is_added_and_signs_in(server: str) -> None:
    person = {"email": "passkeys@example.org", "password": PASSWORD}
    token = httpx.post(f"{server}/v1/identity/accounts", json=person).json()["access_token"]
    device = SoftPasskey()
    with httpx.Client(base_url=server, headers={"authorization": f"Bearer {token}"}) as client:
        begun = client.post("/v1/identity/me/passkeys/challenges").json()
        credential = device.make(begun["options"], server)
        body = {"challenge": begun["challenge"], "credential": credential, "name": "Key"}
        added = client.post("/v1/identity/me/passkeys", json=body)
        assert (added.status_code, added.json()["name"]) == (201, "Key")
    with httpx.Client(base_url=server) as client:
        begun = client.post("/v1/identity/passkey-challenges").json()
        body = {"challenge": begun["challenge"], "credential": device.sign(begun["options"], server)}
        reply = client.post("/v1/identity/sessions/passkey", json=body)
        assert (reply.status_code, reply.json()["account"]["email"]) == (201, person["email"])
        second = client.post("/v1/identity/sessions", json=person)
        asked = second.json()
        assert (second.status_code, asked["code"], asked["methods"]) == (401, "second_factor_required", ["passkey"])
        body = {"challenge": asked["challenge"], "passkey": device.sign(asked["passkey"], server)}
        assert client.post("/v1/identity/sessions/second-factor", json=body).status_code == 201
