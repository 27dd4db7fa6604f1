"""The types of passkeys that go over the wire."""

from __future__ import annotations

from typing import Annotated, Any, NewType
from uuid import UUID

from msgspec import Meta

from septet.core.types import Count, Input, Instant, Output

PasskeyId = NewType("PasskeyId", UUID)

ChallengeText = Annotated[str, Meta(min_length=1, max_length=256, description="The challenge, as it was given.")]
PasskeyName = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        max_length=100,
        description="What to call the passkey, on one line.",
        examples=["My phone"],
    ),
]
Credential = Annotated[
    dict[str, Any], Meta(description="What the browser gave, as `credential.toJSON()` has it (WebAuthn section 5.1).")
]


class PasskeyChallenge(Output):
    """What to ask the browser for: `options` as `PublicKeyCredential.parse…OptionsFromJSON` takes them."""

    challenge: str
    options: dict[str, Any]
    expires_in: Count


class NewPasskey(Input):
    challenge: ChallengeText
    credential: Credential
    name: PasskeyName = "Passkey"


class PasskeyChanges(Input):
    name: PasskeyName


class PasskeyProof(Input):
    """The challenge, and the passkey's signature of it."""

    challenge: ChallengeText
    credential: Credential


class Passkey(Output):
    """A passkey of yours. `backed_up`: it is kept by more than one device."""

    id: PasskeyId
    name: str
    backed_up: bool
    created_at: Instant
    used_at: Instant | None
