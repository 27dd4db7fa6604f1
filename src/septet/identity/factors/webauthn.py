"""WebAuthn as a relying party (W3C Web Authentication Level 3): what browsers are asked for, and checking the answer.

The library goes through the steps of sections 7.1 and 7.2; here stands what they are checked against. None of it
reads the database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from septet.core.runtime import Runtime
from septet.core.types import AccountId
from septet.identity.factors.challenges import HOLDS_SECONDS, nonce_of
from septet.identity.factors.rows import PasskeyRow
from septet.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

_LONGEST_CREDENTIAL_ID = 1023  # section 4: of any credential
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable"})
_MOST_TRANSPORTS = 8


class Registered(Struct, frozen=True):
    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool
    transports: str


class Signed(Struct, frozen=True):
    sign_count: int
    backed_up: bool
    user_verified: bool


class Unverifiable(Exception):
    """An answer that is not what it must be. Its text is for the log of the server, and holds no secret."""


def registration_options(
    runtime: Runtime, token: str, account: AccountId, email: str, name: str, there: Sequence[PasskeyRow]
) -> dict[str, Any]:
    """What `navigator.credentials.create` is asked for. The user's handle is the account's id, and tells nothing."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=relying_party(runtime),
        rp_name=urlsplit(runtime.floor.base_url).netloc,
        user_id=account.bytes,
        user_name=email,
        user_display_name=name,
        challenge=nonce_of(token),
        timeout=HOLDS_SECONDS * 1000,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(there),
        supported_pub_key_algs=_algorithms(),
    )
    made: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return made


def sign_in_options(runtime: Runtime, token: str, allowed: Sequence[PasskeyRow] = ()) -> dict[str, Any]:
    """What `navigator.credentials.get` is asked for: one of `allowed`, or whichever the person has for this site.

    One of whoever's must verify its user, for nothing else is proven beside it.
    """
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=relying_party(runtime),
        challenge=nonce_of(token),
        timeout=HOLDS_SECONDS * 1000,
        allow_credentials=_descriptors(allowed),
        user_verification=structs.UserVerificationRequirement.PREFERRED
        if allowed
        else structs.UserVerificationRequirement.REQUIRED,
    )
    made: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return made


def check_registration(runtime: Runtime, token: str, credential: Mapping[str, Any]) -> Registered:
    """Section 7.1. Raises Unverifiable."""
    import webauthn

    try:
        verified = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=nonce_of(token),
            expected_rp_id=relying_party(runtime),
            expected_origin=_origins(runtime),
            supported_pub_key_algs=_algorithms(),
        )
    except Exception as error:  # whatever a stranger sends: the library meets some of it with other errors than its own
        raise Unverifiable(type(error).__name__) from error
    if len(verified.credential_id) > _LONGEST_CREDENTIAL_ID:
        raise Unverifiable("a credential id of more than 1023 bytes")
    return Registered(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_backed_up,
        _transports_of(credential),
    )


def check_signature(runtime: Runtime, token: str, credential: Mapping[str, Any], passkey: PasskeyRow) -> Signed:
    """Section 7.2, but for the count, which its caller compares. Raises Unverifiable."""
    import webauthn

    if (handle := _user_handle(credential)) is not None and handle != passkey.account_id.bytes:
        raise Unverifiable("the handle is of another account")
    try:
        verified = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=nonce_of(token),
            expected_rp_id=relying_party(runtime),
            expected_origin=_origins(runtime),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
        )
    except Exception as error:
        raise Unverifiable(type(error).__name__) from error
    return Signed(verified.new_sign_count, verified.credential_backed_up, verified.user_verified)


def credential_id_of(credential: Mapping[str, Any]) -> bytes:
    """The id that an answer names. Raises Unverifiable."""
    return _bytes_of(credential.get("rawId"))


def relying_party(runtime: Runtime) -> str:
    """The domain that passkeys belong to: as set, or that of the server's address."""
    chosen = runtime.settings_of(IdentitySettings).passkey_domain
    return chosen or urlsplit(runtime.floor.base_url).hostname or "localhost"


def _origins(runtime: Runtime) -> list[str]:
    address = urlsplit(runtime.floor.base_url)
    return [f"{address.scheme}://{address.netloc}", *runtime.settings_of(IdentitySettings).passkey_origins]


def _algorithms() -> list[Any]:
    """ES256, EdDSA and RS256: what authenticators have, and no other."""
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm

    return [Algorithm.EDDSA, Algorithm.ECDSA_SHA_256, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]


def _descriptors(passkeys: Sequence[PasskeyRow]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id, transports=[AuthenticatorTransport(name) for name in passkey.transports.split()]
        )
        for passkey in passkeys
    ]


def _transports_of(credential: Mapping[str, Any]) -> str:
    response = credential.get("response")
    given = response.get("transports") if isinstance(response, dict) else None
    known = [name for name in given[:_MOST_TRANSPORTS] if name in _TRANSPORTS] if isinstance(given, list) else []
    return " ".join(dict.fromkeys(known))


def _user_handle(credential: Mapping[str, Any]) -> bytes | None:
    response = credential.get("response")
    handle = response.get("userHandle") if isinstance(response, dict) else None
    return _bytes_of(handle) if handle else None


def _bytes_of(encoded: Any) -> bytes:
    from webauthn import base64url_to_bytes

    if not isinstance(encoded, str) or not encoded or not encoded.isascii():
        raise Unverifiable("what must be base64url is not")
    try:
        return base64url_to_bytes(encoded)
    except ValueError as error:
        raise Unverifiable("what must be base64url is not") from error
