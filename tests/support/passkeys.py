"""A passkey in software: soft-webauthn's, with the user verified or not, speaking the JSON that browsers speak."""

from __future__ import annotations

import base64
import copy
from typing import Any

from fido2 import cbor
from soft_webauthn import SoftWebauthnDevice

_VERIFIED = 0x04  # the flag UV of authenticator data (WebAuthn section 6.1)
_FLAGS_AT = 32


class SoftPasskey(SoftWebauthnDevice):  # type: ignore[misc]
    """`make` and `sign` as `navigator.credentials` has them, from and to JSON.

    verifies: says that it verified its user. counts: counts its uses.
    """

    def __init__(self, *, verifies: bool = True, counts: bool = True) -> None:
        super().__init__()
        self._verifies = verifies
        self._counts = counts

    def make(self, options: dict[str, Any], origin: str) -> dict[str, Any]:
        made = self.create({"publicKey": _decoded(options)}, origin)
        attestation = cbor.decode(made["response"]["attestationObject"])
        attestation["authData"] = self._flagged(attestation["authData"])
        made["response"]["attestationObject"] = cbor.encode(attestation)
        return _encoded(made)

    def sign(self, options: dict[str, Any], origin: str) -> dict[str, Any]:
        if not self._counts:
            self.sign_count = -1
        signing = self.private_key
        self.private_key = _Signer(signing, self._flagged)
        try:
            made = self.get({"publicKey": _decoded(options)}, origin)
        finally:
            self.private_key = signing
        made["response"]["authenticatorData"] = self._flagged(made["response"]["authenticatorData"])
        return _encoded(made)

    def copied(self) -> SoftPasskey:
        return copy.copy(self)

    def _flagged(self, data: bytes) -> bytes:
        flags = data[_FLAGS_AT] | (_VERIFIED if self._verifies else 0)
        return data[:_FLAGS_AT] + bytes([flags]) + data[_FLAGS_AT + 1 :]


class _Signer:
    """Signs what the device would, had it set its flags."""

    def __init__(self, key: Any, flagged: Any) -> None:
        self._key = key
        self._flagged = flagged

    def sign(self, data: bytes, algorithm: Any) -> bytes:
        signed: bytes = self._key.sign(self._flagged(data), algorithm)
        return signed


def _decoded(options: dict[str, Any]) -> dict[str, Any]:
    made = {**options, "challenge": _bytes(options["challenge"])}
    if "user" in options:
        made["user"] = {**options["user"], "id": _bytes(options["user"]["id"])}
    return made


def _encoded(credential: dict[str, Any]) -> dict[str, Any]:
    response = {name: _text(value) for name, value in credential["response"].items() if value is not None}
    raw = _text(credential["rawId"])
    return {"id": raw, "rawId": raw, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
