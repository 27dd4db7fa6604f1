"""Mail by SMTP, encrypted: `smtps://` from the first byte, `smtp://` by STARTTLS, without which nothing is said.

Only a server on this very machine is spoken to in the clear.
"""

from __future__ import annotations

import asyncio
import ipaddress
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from septet.core.errors import Unavailable
from septet.core.mail import Message
from septet.engines.mail.letter import compose, sender_of
from septet.settings import WrongSettingError

_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
_STEP_TIMEOUT = 10.0  # seconds for one command and its reply
_WHOLE_TIMEOUT = 30.0  # seconds for all of them


class SmtpMail:
    """A connection for each message: mail is sent by tasks, and few servers keep idle connections for long."""

    def __init__(self, url: str, sender: str, *, step_timeout: float = _STEP_TIMEOUT) -> None:
        parts = _parse(url)
        self._host = str(parts.hostname)
        self._port = parts.port or _DEFAULT_PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._encrypted = parts.scheme == "smtps"
        self._sender = sender_of(sender)
        self._step_timeout = step_timeout

    async def send(self, message: Message) -> None:
        letter = compose(message, self._sender)
        try:
            async with asyncio.timeout(_WHOLE_TIMEOUT), self._client() as client:
                await client.send_message(letter, sender=self._sender.addr_spec, recipients=[message.to])
        except (SMTPException, OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise Unavailable(_reason(error)) from error

    async def check(self) -> None:
        """Connect, encrypt and sign in, but send nothing."""
        try:
            async with asyncio.timeout(_WHOLE_TIMEOUT), self._client() as client:
                await client.noop()
        except (SMTPException, OSError, ValueError) as error:
            raise Unavailable(_reason(error)) from error

    def _client(self) -> aiosmtplib.SMTP:
        return SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._encrypted,
            start_tls=not self._encrypted and not _is_this_machine(self._host),
            timeout=self._step_timeout,
        )


def _parse(url: str) -> SplitResult:
    """What is wrong is said without showing the address, for it may hold a password."""
    where = "SEPTET_MAIL_URL"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise WrongSettingError(f"{where}: its host or port is malformed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise WrongSettingError(f"{where}: it begins with smtp:// or smtps://")
    if not parts.hostname:
        raise WrongSettingError(f"{where}: the host is missing; a / or @ in a password is written %2F or %40")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise WrongSettingError(f"{where}: nothing follows the port; a / ? or # in a password is percent-encoded")
    if bool(parts.username) != bool(parts.password):
        raise WrongSettingError(f"{where}: write user:password, or neither")
    return parts


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _reason(error: Exception) -> str:
    """What the server or the network said, for the log of tasks. Replies to signing in name no password."""
    if isinstance(error, SMTPResponseException):
        return f"The mail server refused: {error.code} {error.message}"
    return f"The mail server could not be used: {type(error).__name__}: {error}"
