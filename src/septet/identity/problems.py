"""What can go wrong in identity. Each docstring is the page that a problem's `type` leads to."""

from __future__ import annotations

from septet.core.errors import Conflict, Invalid, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """E-mail address and password do not belong together. It is not told which of them is wrong."""

    code = "invalid_credentials"


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


class EmailTaken(Conflict):
    """There is an account with this e-mail address. Only a server that verifies no addresses says so."""

    code = "email_taken"


class LastAdministrator(Conflict):
    """Nobody else administers this server. Make someone else an administrator first."""

    code = "last_administrator"


class AdministratorExists(Conflict):
    """There is an administrator already, so the link for making the first one is void."""

    code = "administrator_exists"
