"""The types of second factors that go over the wire."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from septet.core.types import Count, Input, Instant, Output
from septet.identity.factors.passkey_types import ChallengeText, Credential, PasskeyProof
from septet.identity.types import Code, Password, VerificationId

TotpCode = Annotated[
    str, Meta(pattern="^[0-9]{6}$", description="The six digits that the app shows.", examples=["012345"])
]
RecoveryCode = Annotated[
    str,
    Meta(min_length=16, max_length=32, description="One of the recovery codes.", examples=["ABCD-EFGH-JKLM-NPQR"]),
]


class TotpSecret(Output):
    """What an authenticator app is set up with: the address as a QR code, or the secret typed in."""

    secret: str
    uri: str


class Totp(Output):
    """Whether an authenticator app is set up, since when, and how many recovery codes are left."""

    confirmed_at: Instant | None
    recovery_codes_left: Count


class TotpProof(Input):
    """The code that the app shows once it is set up."""

    code: TotpCode


class RecoveryCodes(Output):
    """Shown this once. Each signs in once in place of the app."""

    codes: list[str]


class SecondFactorProof(Input):
    """The challenge that signing in gave; with a code of the app, a recovery code, or a passkey's signature of it."""

    challenge: ChallengeText
    code: TotpCode | None = None
    recovery_code: RecoveryCode | None = None
    passkey: Credential | None = None


class ProofAnew(Input):
    """Who you are, once more: the password, a code of the app or a recovery code, or both; or a code from a mail.

    For the last, ask `/v1/identity/sign-in-codes` for one, and send its id along. Or a passkey's answer to a challenge
    of `/v1/identity/sessions/current/passkey-challenges`.
    """

    password: Password | None = None
    code: TotpCode | None = None
    recovery_code: RecoveryCode | None = None
    email_code: Code | None = None
    email_code_id: VerificationId | None = None
    passkey: PasskeyProof | None = None
