"""What a system says to send mail. It is sent from tasks, never from within a request."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Message(Struct, frozen=True):
    """One mail. `html` is optional and says the same as `text`."""

    to: str
    subject: str
    text: str
    html: str | None = None


class Mail(Protocol):
    """An engine: the local mailbox or SMTP."""

    async def send(self, message: Message) -> None:
        """Hand the message over. Raises Unavailable if it could not be, so that its task tries again."""
        ...

    async def check(self) -> None:
        """Whether mail could be handed over now, without sending any. Raises Unavailable if not."""
        ...
