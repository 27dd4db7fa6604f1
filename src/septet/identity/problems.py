"""What can go wrong in identity. Each docstring is the page that a problem's `type` leads to."""

from __future__ import annotations

from typing import Any

from septet.core.errors import Conflict, Forbidden, Invalid, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """E-mail address and password do not belong together. It is not told which of them is wrong."""

    code = "invalid_credentials"


class SecondFactorRequired(Unauthenticated):
    """The first proof holds, and this account asks for a second: answer `challenge` by one of `methods`.

    Send it with a code, or a passkey's answer, to `/v1/identity/sessions/second-factor`. It holds for a few minutes.
    `passkey` is what to ask the browser for, where the account has one.
    """

    code = "second_factor_required"

    def __init__(
        self, challenge: str, methods: tuple[str, ...], expires_in: int, passkey: dict[str, Any] | None = None
    ) -> None:
        super().__init__("This account asks for a second factor.")
        self.challenge, self.methods, self.expires_in, self.passkey = challenge, methods, expires_in, passkey

    def members(self) -> dict[str, Any]:
        told = {"challenge": self.challenge, "methods": list(self.methods), "expires_in": self.expires_in}
        return told if self.passkey is None else {**told, "passkey": self.passkey}


class WrongSecondFactor(Invalid):
    """The code or the answer is wrong, was used before, or the challenge is used up or expired. Sign in again."""

    code = "wrong_second_factor"


class NoSecondFactor(Conflict):
    """There is no second factor that this could be about: set one up first."""

    code = "no_second_factor"


class TotpExists(Conflict):
    """An authenticator app is set up already. Remove it before you set up another."""

    code = "totp_exists"


class WrongPasskey(Invalid):
    """The passkey's answer is not one to this challenge, or the challenge is used up or expired. Begin again."""

    code = "wrong_passkey"


class TooManyPasskeys(Conflict):
    """There are as many passkeys as one account may have: remove one first."""

    code = "too_many_passkeys"


class ProviderRefused(Forbidden):
    """Signing in by another site did not work: its answer was another browser's, late, or vouched for nobody."""

    code = "provider_refused"


class TooManyApiKeys(Conflict):
    """There are as many API keys as one account may have: remove one first."""

    code = "too_many_api_keys"


class AccountSuspended(Forbidden):
    """An administrator suspended this account: nobody can sign in to it."""

    code = "account_suspended"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is broken, used up or expired, or its session has ended. Sign in again.

    Every refresh token works once. One that is used again later means that two hold it, one of them a thief: then
    its session ends for both, and the account's owner gets a mail.
    """

    code = "invalid_refresh_token"


class WrongCode(Invalid):
    """The code or link is wrong, used up or expired, or was tried too often. Ask for another mail."""

    code = "wrong_code"


class WrongPassword(Invalid):
    """The current password is another one."""

    code = "wrong_password"


class WeakPassword(Invalid):
    """The password is too short or easily guessed. A few unrelated words make a good one."""

    code = "weak_password"


class ShortPassword(Conflict):
    """The password is long enough only beside a second factor. Choose a longer one before you remove the last."""

    code = "short_password"


class EmailTaken(Conflict):
    """There is an account with this e-mail address. Only a server that verifies no addresses says so."""

    code = "email_taken"


class LastAdministrator(Conflict):
    """Nobody else administers this server. Make someone else an administrator first."""

    code = "last_administrator"


class AdministratorExists(Conflict):
    """There is an administrator already, so the link for making the first one is void."""

    code = "administrator_exists"


class RoleInUse(Conflict):
    """Somebody has this role, or is invited to it. Give them another first."""

    code = "role_in_use"
