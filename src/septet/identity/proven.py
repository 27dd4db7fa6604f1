"""How somebody proved who they are: what a session remembers of it, and tokens tell."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from septet.core.proofs import acr_of


class Method(StrEnum):
    """A way of proving it, as `amr` names it: by RFC 8176 where that has a name."""

    PASSWORD = "pwd"  # noqa: S105 - a word, no password
    EMAIL = "email"
    PROVIDER = "fed"
    TOTP = "otp"
    RECOVERY_CODE = "recovery"
    PASSKEY = "pop"
    USER_VERIFIED = "user"  # beside `pop`: the passkey was unlocked by what its owner knows or is


_SECOND = frozenset({Method.TOTP, Method.RECOVERY_CODE, Method.PASSKEY})


class Proven(Struct, frozen=True):
    """The methods of one proof, in their order."""

    methods: tuple[Method, ...]

    @property
    def factors(self) -> int:
        """Two for a password, a mailbox or a provider with something else beside it; two for a verified passkey."""
        first = any(method not in _SECOND and method is not Method.USER_VERIFIED for method in self.methods)
        second = any(method in _SECOND for method in self.methods)
        return 2 if second and (first or Method.USER_VERIFIED in self.methods) else 1

    @property
    def only_second(self) -> bool:
        """Whether nothing was proven but a second factor, which counts beside an earlier proof."""
        return self.factors < 2 and all(method in _SECOND for method in self.methods)

    @property
    def acr(self) -> str:
        return acr_of(self.factors)

    def joined(self) -> str:
        """As it is kept, divided by spaces."""
        return " ".join(self.methods)

    def with_methods(self, *more: Method) -> Proven:
        return Proven(tuple(dict.fromkeys((*self.methods, *more))))


def read_proven(text: str) -> Proven:
    """What `joined` made."""
    return Proven(tuple(Method(word) for word in text.split()))


BY_PASSWORD = Proven((Method.PASSWORD,))
BY_EMAIL = Proven((Method.EMAIL,))
