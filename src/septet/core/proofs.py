"""How sure an operation wants to be of who asks: how fresh their proof is, and of how many factors.

A token says when its owner last proved who they are and how (`auth_time` and `acr`, RFC 9068 section 2.2.1). An
operation that asks for more is refused until they prove it again, which is called step-up (RFC 9470).
"""

from __future__ import annotations

from msgspec import Struct


class Proof(Struct, frozen=True):
    """`seconds` that may have passed since the caller proved who they are, None for any; with so many `factors`.

    A passkey that verified its user counts as two: something they have, unlocked by what they know or are.
    """

    seconds: int | None = None
    factors: int = 1

    def in_words(self) -> str:
        how = "with a second factor" if self.factors > 1 else "who you are"
        when = f" in the last {self.seconds} seconds" if self.seconds is not None else ""
        return f"that you proved {how}{when}"

    @property
    def acr(self) -> str:
        """The class that OAuth and OpenID Connect know it by."""
        return acr_of(self.factors)


def fresh(*, seconds: int = 300, factors: int = 1) -> Proof:
    """What a change that is hard to take back asks for: a proof of these minutes."""
    return Proof(seconds, factors)


def acr_of(factors: int) -> str:
    """The authentication context class: NIST's assurance levels (SP 800-63B)."""
    return "aal2" if factors > 1 else "aal1"
