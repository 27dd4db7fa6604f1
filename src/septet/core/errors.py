"""What can go wrong, in the words of the domain. Each door maps these to its own shape once.

A system declares its own as a subclass with a `code`; the docstring is the page served at /errors/<code>.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct

from septet.core.proofs import Proof


class Fault(Struct, frozen=True):
    """One fault of an input: a JSON pointer (RFC 6901) to the place, and what is wrong there."""

    pointer: str
    detail: str


class Problem(Exception):
    """Something was refused or failed. `detail` is for the person who called; it never holds a secret."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str = "", *, pointer: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults) or ((Fault(pointer, detail),) if pointer is not None else ())

    def members(self) -> dict[str, Any]:
        """What it tells besides, each under a name of its own (RFC 9457 section 3.2)."""
        return {}

    @classmethod
    def title(cls) -> str:
        """A short name for people, the same for every occurrence: `not_found` reads "Not found"."""
        return cls.code.replace("_", " ").capitalize()


class Malformed(Problem):
    """The request could not be read at all: broken JSON, wrong encoding, nested too deep."""

    code = "malformed"


class Invalid(Problem):
    """The request was read, and breaks a rule. `errors` names every place."""

    code = "invalid"


class Unauthenticated(Problem):
    """It is not known who is asking: no token, or one that is broken, forged, expired or revoked."""

    code = "unauthenticated"
    resource_metadata = ""  # an address that tells who gives tokens, at doors whose clients find that out by themselves


class ProofRequired(Unauthenticated):
    """This asks for a newer or stronger proof of who you are than your token has. Prove it again, then retry.

    `acr` and `max_age` say what is wanted: at `/v1/identity/sessions/current/proofs` it is given.
    """

    code = "proof_required"

    def __init__(self, proof: Proof) -> None:
        super().__init__(f"This needs {proof.in_words()}.")
        self.proof = proof

    def members(self) -> dict[str, Any]:
        return {"acr": self.proof.acr, "max_age": self.proof.seconds}


class Forbidden(Problem):
    """It is known who is asking, and they may not do this."""

    code = "forbidden"


class NotFound(Problem):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"


class Conflict(Problem):
    """The change contradicts what is there."""

    code = "conflict"


class PreconditionFailed(Problem):
    """The thing changed since the caller read it: `If-Match` names another version. Read again, then retry."""

    code = "precondition_failed"


class KeyReused(Invalid):
    """This `Idempotency-Key` was used before, with another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict):
    """The same request, with the same `Idempotency-Key`, is still running. Wait, then retry."""

    code = "in_progress"


class TooMany(Problem):
    """More calls than the limit allows. `Retry-After` tells when to come back."""

    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Problem):
    """The server cannot do this now, or cannot tell whether it did. Retry with the same `Idempotency-Key`."""

    code = "unavailable"


def refuse(reason: str | None, problem: type[Problem] = Forbidden) -> None:
    """Raise `problem` where a policy gave a reason; pass where it gave none."""
    if reason is not None:
        raise problem(reason)
